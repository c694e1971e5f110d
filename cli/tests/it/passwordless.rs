//! The developer's token, and Namespaces that accept nothing else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::home::{Home, eventually, namespace, topic};

fn passwordless(name: &str) -> String {
    namespace(name).replace("spec: {", "spec: {disableLocalAuth: true, ")
}

fn mode(file: impl AsRef<Path>) -> u32 {
    fs::metadata(file).unwrap().permissions().mode() & 0o777
}

#[test]
fn programs_are_told_where_to_get_a_token_and_where_their_checkpoints_are() {
    let home = Home::quickstart();
    let _dev = home.start();
    let (https, blob) = (home.port_base + 1, home.port_base + 6);
    let token_file = fs::canonicalize(home.data()).unwrap().join("shop.token");
    let key = home.setting("shop", "EVENTGRID_KEY");
    for (name, value) in [
        ("AZURE_TENANT_ID", "adfs"),
        ("AZURE_CLIENT_ID", "weft"),
        ("AZURE_AUTHORITY_HOST", &format!("https://127.0.0.1:{https}/")),
        ("AZURE_FEDERATED_TOKEN_FILE", token_file.to_str().unwrap()),
        (
            "BLOB_STORAGE_ACCOUNT_URL",
            &format!("https://127.0.0.1:{blob}/shop"),
        ),
        (
            "BLOB_STORAGE_CONNECTION_STRING",
            &format!(
                "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={key};\
                 BlobEndpoint=https://127.0.0.1:{blob}/shop"
            ),
        ),
    ] {
        assert_eq!(home.setting("shop", name), value, "{name}");
    }
    assert_eq!(
        (mode(&token_file), mode(home.data().join("issuer.pem"))),
        (0o600, 0o600)
    );
    std::net::TcpStream::connect(("127.0.0.1", blob)).unwrap();
}

#[test]
fn the_token_opens_every_command_elsewhere_too() {
    let home = Home::quickstart();
    let _dev = home.start();
    let endpoint = format!("https://127.0.0.1:{}", home.port_base + 1);
    let (token, bundle) = (
        home.setting("shop", "AZURE_FEDERATED_TOKEN_FILE"),
        home.setting("shop", "SSL_CERT_FILE"),
    );
    let place = ["--endpoint", &endpoint, "--ca-file", &bundle, "--token-file"];
    let with = |command: &[&str], token: &str| home.run(&[command, &place, &[token]].concat());
    let said = with(&["publish", "orders", "--type", "t", "--data", "1"], &token);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let said = with(&["data", "list"], &token);
    assert!(said.stdout.contains("orders"), "{}{}", said.stdout, said.stderr);

    let forged = home.path().join("forged");
    let text = fs::read_to_string(&token).unwrap();
    let (signed, _) = text.rsplit_once('.').unwrap();
    fs::write(&forged, format!("{signed}.{}", "A".repeat(86))).unwrap();
    let refused = with(&["data", "list"], forged.to_str().unwrap());
    assert_eq!(refused.code, 4, "{}", refused.stdout);
    assert!(!refused.stderr.contains(signed), "no token is ever shown");
}

#[test]
fn where_keys_are_not_accepted_no_setting_has_one_and_the_commands_use_the_token() {
    let home = Home::with(&[
        ("shop.yaml", &namespace("shop")),
        ("topic.yaml", &topic("orders", "shop")),
    ]);
    let dev = home.start();
    let key_file = home.path().join("key");
    fs::write(&key_file, home.setting("shop", "EVENTGRID_KEY")).unwrap();
    home.write("shop.yaml", &passwordless("shop"));
    eventually(
        || home.json_env("shop")["EVENTGRID_KEY"].is_null(),
        || dev.stderr(),
    );
    let settings = home.json_env("shop");
    for name in ["EVENT_HUB_CONNECTION_STR", "BLOB_STORAGE_CONNECTION_STRING"] {
        assert!(settings[name].is_null(), "{name}");
    }
    assert_eq!(
        settings["EVENTGRID_ENDPOINT"],
        format!("https://127.0.0.1:{}", home.port_base + 1)
    );
    home.ok(&["publish", "orders", "--type", "t", "--data", "1"]);
    assert_eq!(home.json(&["data", "list"])[0]["name"], "orders");

    let endpoint = format!("http://127.0.0.1:{}", home.port_base);
    let key_file = key_file.to_str().unwrap();
    let with_key = || home.run(&["data", "list", "--endpoint", &endpoint, "--key-file", key_file]);
    eventually(|| with_key().code == 4, || dev.stderr());
    let refused = with_key();
    assert!(refused.stderr.contains("disableLocalAuth"), "{}", refused.stderr);
}

#[test]
fn a_token_outlives_a_restart_and_goes_with_its_namespace() {
    let home = Home::with(&[
        ("shop.yaml", &namespace("shop")),
        ("bank.yaml", &namespace("bank")),
    ]);
    let dev = home.spawn(&[]);
    dev.wait_for_stdout("ready shop");
    dev.wait_for_stdout("ready bank");
    let token = |name: &str| fs::read_to_string(home.data().join(format!("{name}.token")));
    let before = token("shop").unwrap();
    assert!(dev.stop("-TERM").success());
    let dev = home.spawn(&[]);
    dev.wait_for_stdout("ready bank");
    assert_eq!(
        token("shop").unwrap(),
        before,
        "it has most of its life before it"
    );
    home.remove("bank.yaml");
    eventually(|| token("bank").is_err(), || dev.stderr());
    assert!(token("shop").is_ok());
}
