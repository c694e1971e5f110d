# The images of the operator and the sidecar, from nothing but one static program each:
#
#     docker build --target operator -t weft-operator .
#     docker build --target sidecar -t weft-sidecar .
FROM rust:1.95-bookworm AS build
# The TLS library is built with CMake.
RUN apt-get update && apt-get install --yes --no-install-recommends cmake && rm -rf /var/lib/apt/lists/*
WORKDIR /weft
COPY . .
# With a target of its own name, build scripts and macros, which have to be dynamic, are not built with these flags.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/weft/target \
    target="$(rustc -vV | sed -n 's/^host: //p')" \
    && RUSTFLAGS='-C target-feature=+crt-static' cargo build --locked --profile image --target "$target" \
        --package operator --bin weft-operator --package sidecar --bin weft-sidecar \
    && cp "target/$target/image/weft-operator" "target/$target/image/weft-sidecar" /

FROM scratch AS operator
COPY --from=build /weft-operator /weft-operator
USER 65532:65532
ENTRYPOINT ["/weft-operator"]

FROM scratch AS sidecar
COPY --from=build /weft-sidecar /weft-sidecar
USER 65532:65532
ENTRYPOINT ["/weft-sidecar"]
