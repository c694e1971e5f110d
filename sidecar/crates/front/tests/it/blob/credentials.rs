//! Who gets at the blobs.

use crate::blob::signing::{account_sas, account_sas_over, signed, signed_at};
use crate::blob::{BLOCK, Blobs, LIST, OWNERSHIP, VERSION};
use crate::client::{Client, Response};
use crate::issuer::{WEB, bad_tokens};
use crate::tls;
use crate::world::{LISTENER, ROOT, ROOT_SECONDARY, SENDER};

const CHECKPOINTS: &str = "eventnamespaces.weft.dev/shop/checkpoints";
const FUTURE: &str = "2090-01-02T03:04:05Z";

async fn send(client: &mut Client, method: &str, target: &str, headers: &[String]) -> Response {
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    client.call(method, target, &headers, "").await
}

#[tokio::test]
async fn shared_key_is_checked_over_the_path_as_it_was_written() {
    let blobs = Blobs::start().await;
    let mut client = blobs.stranger().await;
    // Python's asynchronous client, its other one, JavaScript's; with the account in the path, which is there twice then.
    for (number, target) in [
        "/box/localhost:5671/hub/$default/ownership/0",
        "/box/localhost%3A5671/hub/%24default/ownership/0",
        "/box/localhost%3A5671%2Fhub%2F%24default%2Fownership%2F0",
        "/shop/box/localhost:5671/hub/%24default/ownership/0",
    ]
    .into_iter()
    .enumerate()
    {
        for key in [ROOT, ROOT_SECONDARY, SENDER] {
            let owner = format!("x-ms-meta-ownerid: {number}");
            let headers = signed(key, "shop", "PUT", target, &[VERSION, BLOCK, &owner]);
            let written = send(&mut client, "PUT", target, &headers).await;
            assert_eq!(written.status, 201, "{target}: {}", written.text());
        }
    }
    let target = "/box?comp=list&include=metadata&prefix=localhost%2F&restype=container";
    let headers = signed(ROOT, "shop", "GET", target, &[VERSION]);
    assert_eq!(send(&mut client, "GET", target, &headers).await.status, 200);
    let mut main = Client::connect(blobs.world.address).await;
    let target = "/checkpoints/box?comp=list&restype=container";
    let headers = signed(ROOT, "shop", "GET", target, &[VERSION]);
    assert_eq!(send(&mut main, "GET", target, &headers).await.status, 200);
}

#[tokio::test]
async fn a_signature_that_proves_nothing_is_403_without_a_challenge() {
    let blobs = Blobs::start().await;
    let mut client = blobs.stranger().await;
    let other_request = signed(ROOT, "shop", "DELETE", OWNERSHIP, &[VERSION]);
    let other_key = signed("d3Jvbmc=", "shop", "GET", OWNERSHIP, &[VERSION]);
    let other_account = signed(ROOT, "devstoreaccount1", "GET", OWNERSHIP, &[VERSION]);
    let old = signed_at(
        "Sun, 01 Nov 2020 00:00:00 GMT",
        ROOT,
        "shop",
        "GET",
        OWNERSHIP,
        &[VERSION],
    );
    let lite = vec![
        VERSION.to_owned(),
        "authorization: SharedKeyLite shop:AAAA".to_owned(),
    ];
    let unknown = vec![VERSION.to_owned(), "authorization: Basic YTpi".to_owned()];
    let wrong_access_key = vec![
        VERSION.to_owned(),
        "authorization: SharedAccessKey d3Jvbmc=".to_owned(),
    ];
    for (headers, hint) in [
        (other_request, "signature"),
        (other_key, "signature"),
        (other_account, "`shop`"),
        (old, "15 minutes"),
        (lite, "SharedKey"),
        (unknown, "SharedKey ACCOUNT:SIGNATURE"),
        (wrong_access_key, "key"),
    ] {
        let refused = send(&mut client, "GET", OWNERSHIP, &headers).await;
        assert_eq!(
            (refused.status, refused.storage_code()),
            (403, "AuthenticationFailed"),
            "{headers:?}"
        );
        assert!(refused.text().contains(hint), "{headers:?}: {}", refused.text());
        assert_eq!(refused.header("www-authenticate"), None);
    }
}

#[tokio::test]
async fn a_shared_access_signature_allows_what_it_says_until_it_expires() {
    let blobs = Blobs::start().await;
    let mut client = blobs.stranger().await;
    let all = account_sas(ROOT, "shop", "rwdlc", FUTURE);
    let target = |path: &str, sas: &str| {
        let separator = if path.contains('?') { '&' } else { '?' };
        format!("{path}{separator}{sas}")
    };
    let put = client
        .call("PUT", &target(OWNERSHIP, &all), &[VERSION, BLOCK], "")
        .await;
    assert_eq!(put.status, 201, "{}", put.text());
    assert_eq!(client.get(&target(LIST, &all)).await.status, 200);
    let reads = account_sas(ROOT, "shop", "rl", FUTURE);
    assert_eq!(client.get(&target(OWNERSHIP, &reads)).await.status, 200);
    let refused = client
        .call("PUT", &target(OWNERSHIP, &reads), &[VERSION, BLOCK], "")
        .await;
    assert_eq!(
        (refused.status, refused.storage_code()),
        (403, "AuthorizationPermissionMismatch")
    );
    for sas in [
        account_sas(ROOT, "shop", "rl", "2020-01-02T03:04:05Z"),
        account_sas("d3Jvbmc=", "shop", "rl", FUTURE),
        account_sas(ROOT, "other", "rl", FUTURE),
        reads.replace("sp=rl", "sp=rwl"),
    ] {
        let refused = client.get(&target(OWNERSHIP, &sas)).await;
        assert_eq!(
            (refused.status, refused.storage_code()),
            (403, "AuthenticationFailed"),
            "{sas}"
        );
    }
}

#[tokio::test]
async fn a_signature_for_https_is_good_over_https_only() {
    let blobs = Blobs::start().await;
    let sas = account_sas_over("https", ROOT, "shop", "rl", FUTURE);
    let target = format!("{LIST}&{sas}");
    let refused = blobs.stranger().await.get(&target).await;
    assert_eq!(
        (refused.status, refused.storage_code()),
        (403, "AuthorizationProtocolMismatch")
    );
    let (mut secure, _certificate) = tls::blob_client(&blobs.world).await;
    let list = secure.get(&target).await;
    assert_eq!(list.status, 200, "{}", list.text());
    assert!(
        list.text().contains("ServiceEndpoint=\"https://weft/\""),
        "{}",
        list.text()
    );
}

#[tokio::test]
async fn each_right_is_good_for_its_operations() {
    let blobs = Blobs::start().await;
    let operations = [
        ("PUT", OWNERSHIP, SENDER, 201),
        ("PUT", "/box?restype=container", SENDER, 201),
        ("GET", OWNERSHIP, LISTENER, 200),
        ("GET", LIST, LISTENER, 200),
        ("GET", "/?comp=list", LISTENER, 200),
        ("GET", "/box?restype=container", LISTENER, 200),
        ("DELETE", OWNERSHIP, SENDER, 202),
        ("DELETE", "/box?restype=container", ROOT, 202),
    ];
    for (method, target, able, status) in operations {
        for key in [SENDER, LISTENER].into_iter().filter(|key| *key != able) {
            let mut client = blobs.stranger().await.with_key(key);
            let refused = client.call(method, target, &[VERSION, BLOCK], "").await;
            assert_eq!(
                (refused.status, refused.storage_code()),
                (403, "AuthorizationPermissionMismatch"),
                "{method} {target}"
            );
        }
        let mut client = blobs.stranger().await.with_key(able);
        assert_eq!(
            client.call(method, target, &[VERSION, BLOCK], "").await.status,
            status,
            "{method} {target}"
        );
    }
}

#[tokio::test]
async fn a_bearer_token_does_what_its_roles_allow() {
    let blobs = Blobs::start().await;
    let identity = &blobs.world.identity;
    let mut client = blobs.stranger().await;
    client.authorization = Some(format!("Bearer {}", identity.issuer.token(WEB)));
    let refused = client.call("PUT", OWNERSHIP, &[VERSION, BLOCK], "").await;
    assert_eq!(
        (refused.status, refused.storage_code()),
        (403, "AuthorizationPermissionMismatch")
    );
    for word in [WEB, CHECKPOINTS, "storage-blob-data-contributor"] {
        assert!(refused.text().contains(word), "{word}: {}", refused.text());
    }
    let blobs = Blobs::start().await;
    let identity = &blobs.world.identity;
    for verb in ["send", "receive"] {
        identity.roles.give(WEB, verb, CHECKPOINTS);
    }
    let mut client = blobs.stranger().await;
    client.authorization = Some(format!("Bearer {}", identity.issuer.token(WEB)));
    client.put_blob(OWNERSHIP, &[], "").await;
    assert_eq!(client.get(LIST).await.status, 200);
    let refused = client
        .call("DELETE", "/checkpoints-of-shop?restype=container", &[VERSION], "")
        .await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    blobs.world.disable_local_auth();
    assert_eq!(client.get(LIST).await.status, 200);
    let mut keyed = blobs.client().await;
    let refused = keyed.get(LIST).await;
    assert_eq!(
        (refused.status, refused.storage_code()),
        (403, "KeyBasedAuthenticationNotPermitted")
    );
    let headers = signed(ROOT, "shop", "GET", LIST, &[VERSION]);
    let refused = send(&mut blobs.stranger().await, "GET", LIST, &headers).await;
    assert_eq!(refused.storage_code(), "KeyBasedAuthenticationNotPermitted");
}

#[tokio::test]
async fn a_token_that_proves_nothing_is_challenged_as_the_storage_sdks_expect() {
    let blobs = Blobs::start().await;
    let challenge =
        "Bearer authorization_uri=https://weft/adfs/oauth2/authorize resource_id=https://storage.azure.com";
    for (what, token, hint, _) in bad_tokens(&blobs.world.identity.issuer) {
        let mut client = blobs.stranger().await;
        client.authorization = Some(format!("Bearer {token}"));
        let refused = client.get(LIST).await;
        assert_eq!(
            (refused.status, refused.storage_code()),
            (401, "InvalidAuthenticationInfo"),
            "{what}"
        );
        assert_eq!(refused.header("www-authenticate"), Some(challenge), "{what}");
        assert!(refused.text().contains(hint), "{what}: {}", refused.text());
    }
    let mut anonymous = blobs.stranger().await;
    let refused = anonymous.get(LIST).await;
    assert_eq!(
        (refused.status, refused.storage_code()),
        (401, "NoAuthenticationInformation")
    );
    assert_eq!(refused.header("www-authenticate"), Some(challenge));
}

#[tokio::test]
async fn while_nobody_can_say_what_a_token_may_do_the_store_is_busy() {
    let blobs = Blobs::start().await;
    let identity = &blobs.world.identity;
    identity.roles.set_away(true);
    let mut client = blobs.stranger().await;
    client.authorization = Some(format!("Bearer {}", identity.issuer.token(WEB)));
    let refused = client.get(LIST).await;
    assert_eq!((refused.status, refused.storage_code()), (503, "ServerBusy"));
    assert!(refused.header("retry-after").is_some());
}
