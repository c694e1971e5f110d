use config::Checkpoint;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::*;
use crate::reload::tests::configuration;

/// An object store that lets nobody in, and tells which key it was shown.
async fn keeper(scope: &TaskScope) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (sender, keys) = mpsc::channel(16);
    scope.spawn("keeper", async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = String::new();
            while !head.contains("\r\n\r\n") {
                let mut bytes = [0; 4096];
                let count = stream.read(&mut bytes).await.unwrap();
                head.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
            }
            let key = head.split_once("Credential=").unwrap().1.split('/').next();
            let refusal = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            stream.write_all(refusal.as_bytes()).await.unwrap();
            if sender.send(key.unwrap().to_owned()).await.is_err() {
                return;
            }
        }
    });
    (endpoint, keys)
}

fn in_s3(revision: u64, endpoint: &str, key: &str) -> Configuration {
    let mut configuration = configuration(revision, Vec::new());
    configuration.document.head.settings.checkpoint = Checkpoint::ObjectStore {
        url: "s3://bucket/weft".into(),
    };
    let options = [
        ("aws_access_key_id", key),
        ("aws_secret_access_key", "hush"),
        ("aws_region", "eu-central-1"),
        ("aws_endpoint", endpoint),
        ("allow_http", "true"),
    ];
    configuration.secrets.object_store = options.map(|(name, value)| (name.into(), value.into())).into();
    configuration
}

#[tokio::test]
async fn a_start_that_waits_for_the_object_store_takes_other_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let scope = TaskScope::root();
    let (endpoint, mut keys) = keeper(&scope).await;
    let first = in_s3(1, &endpoint, "first");
    let settings = Settings::new(folder.path().join("data"));
    let copies = Copies::open(&settings, &first).unwrap();
    copies.places()[0].load().await.unwrap_err();
    assert_eq!(keys.recv().await.unwrap(), "first");

    let (sender, configurations) = watch::channel(Arc::new(first));
    let second = Arc::new(in_s3(2, &endpoint, "second"));
    let rotated = async {
        sender.send_replace(second);
        loop {
            tokio::task::yield_now().await;
            copies.places()[0].load().await.unwrap_err();
            if keys.recv().await.unwrap() == "second" {
                return;
            }
        }
    };
    tokio::select! {
        never = copies.follow(configurations) => match never {},
        () = rotated => {}
    }
    scope.cancel();
}

#[tokio::test]
async fn credentials_that_cannot_be_used_change_nothing_until_others_come() {
    let (folder, scope) = (tempfile::tempdir().unwrap(), TaskScope::root());
    let (endpoint, mut keys) = keeper(&scope).await;
    let settings = Settings::new(folder.path().join("data"));
    let copies = Copies::open(&settings, &in_s3(1, &endpoint, "first")).unwrap();
    let mut bad = in_s3(2, &endpoint, "bad");
    let options = &mut bad.secrets.object_store;
    options.insert("username".into(), "me".into());
    let good = in_s3(3, &endpoint, "good");
    for (configuration, expected) in [(&bad, "first"), (&good, "good")] {
        copies.follow_credentials(configuration);
        copies.places()[0].load().await.unwrap_err();
        assert_eq!(keys.recv().await.unwrap(), expected);
    }

    let copies = Copies::open(&settings, &bad).unwrap();
    let StoreError::Refused(reason) = copies.places()[0].load().await.unwrap_err() else {
        panic!("only a person can mend that");
    };
    assert!(reason.contains("username"), "{reason}");
    copies.follow_credentials(&good);
    copies.places()[0].load().await.unwrap_err();
    assert_eq!(keys.recv().await.unwrap(), "good");
    scope.cancel();
}

#[tokio::test]
async fn a_log_that_goes_on_is_noted_in_the_usual_place_as_well() {
    let usual = Arc::new(checkpoint::Memory::default());
    let log = checkpoint::Log::New {
        id: uuid::Uuid::from_u128(1),
    };
    let elsewhere = checkpoint::Memory::default();
    let claim = checkpoint::open(&[&elsewhere], log, "uid", |_| 0)
        .await
        .unwrap()
        .claim;
    claim_usual(usual.clone(), claim.clone()).await;
    assert_eq!(usual.load().await.unwrap().claim, Some(claim));
}
