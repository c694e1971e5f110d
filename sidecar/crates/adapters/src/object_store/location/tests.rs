use super::*;

fn options(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

const S3: &[(&str, &str)] = &[
    ("aws_access_key_id", "id"),
    ("aws_secret_access_key", "very-secret"),
    ("AWS_REGION", "eu-central-1"),
];

#[test]
fn every_kind_of_store_is_opened_with_its_path() {
    let azure = options(&[
        ("azure_storage_account_name", "shop"),
        ("azure_storage_account_key", "c2VjcmV0"),
    ]);
    let google = options(&[("google_skip_signature", "true")]);
    for (url, options, path) in [
        ("s3://bucket/weft/team", options(S3), "weft/team"),
        ("az://container/weft", azure.clone(), "weft"),
        ("azure://container", azure, ""),
        ("gs://bucket/weft", google, "weft"),
        ("file:///var/lib/weft", BTreeMap::new(), "var/lib/weft"),
    ] {
        let (_, found) = open(url, &options).unwrap_or_else(|error| panic!("{url}: {error}"));
        assert_eq!(found.as_ref(), path, "{url}");
    }
}

#[test]
fn what_is_no_place_is_refused_in_words_that_help() {
    for (url, words) in [
        ("bucket/path", "is no URL"),
        ("ftp://host/path", "is no object store"),
        ("https://example.com/path", "is no object store"),
        ("memory:///x", "is no object store"),
        (
            "s3://bucket/path?key=secret",
            "credentials belong into the Secret",
        ),
        (
            "s3://user:secret@bucket/path",
            "credentials belong into the Secret",
        ),
    ] {
        let refusal = open(url, &options(S3)).unwrap_err().to_string();
        assert!(refusal.contains(words), "{url}: {refusal}");
        assert!(!refusal.contains("secret@"), "{url}: {refusal}");
    }
}

#[test]
fn an_option_that_the_store_does_not_know_is_refused_by_its_name() {
    let mut wrong = options(S3);
    wrong.insert("aws_acces_key_id".into(), "hush".into());
    let refusal = open("s3://bucket/x", &wrong).unwrap_err().to_string();
    assert!(
        refusal.contains("aws_acces_key_id") && refusal.contains("S3"),
        "{refusal}"
    );
    assert!(!refusal.contains("hush"), "{refusal}");
    assert!(open("file:///x", &options(S3)).is_err());
}

#[test]
fn a_role_that_nobody_can_take_on_is_refused() {
    let role = ("aws_role_arn", "arn:aws:iam::1:role/weft");
    let refusal = open("s3://bucket/x", &options(&[role])).unwrap_err();
    assert!(matches!(refusal, LocationError::RoleWithoutToken), "{refusal}");
    let token = ("aws_web_identity_token_file", "/var/run/token");
    open("s3://bucket/x", &options(&[role, token])).unwrap();
    // Who it is by these is beyond doubt.
    open("s3://bucket/x", &options(&[S3, &[role]].concat())).unwrap();
}

#[test]
fn certificates_of_the_user_are_read_or_refused() {
    let made = rcgen::generate_simple_self_signed(["minio".to_owned()]).unwrap();
    let mut good = options(S3);
    good.insert("ca.crt".into(), made.cert.pem());
    open("s3://bucket/x", &good).unwrap();
    good.insert(
        "ca.crt".into(),
        "-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n".into(),
    );
    assert!(open("s3://bucket/x", &good).is_err());
}
