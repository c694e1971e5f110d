//! Shared access signatures as every producer writes them, in both headers that carry them.

use e2e::{
    Weft,
    clients::{self, Door, Sdk},
    eventgrid::event,
    http::{Request, post},
    manifests::Manifests,
};

/// What a token was made for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Namespace,
    Topic,
    Subscription,
    Expired,
}
use Scope::{Expired, Namespace, Subscription, Topic};

#[test]
fn tokens_of_every_producer_open_what_they_name_until_they_expire() {
    let manifests = Manifests::new("1Gi")
        .topic("orders")
        .subscription("orders", "billing", "")
        .subscription("orders", "shipping", "")
        .topic("other")
        .subscription("other", "other-all", "");
    let weft = Weft::start(manifests.yaml()).expect("weft starts");
    for (sdk, scopes) in [
        (Sdk::PythonNewest, &[Namespace, Namespace, Topic, Expired][..]),
        (
            Sdk::PythonBeta,
            &[Namespace, Namespace, Namespace, Subscription, Expired],
        ),
        (Sdk::JavaScript, &[Namespace, Topic, Expired]),
    ] {
        let printed =
            clients::run(&weft, sdk, Door::Http, "sas", "orders", "billing").expect("the tokens are made");
        let tokens: Vec<_> = printed.lines().collect();
        assert_eq!(tokens.len(), scopes.len(), "{sdk:?} printed {printed}");
        for (token, &scope) in tokens.iter().zip(scopes) {
            check(&weft, sdk, token, scope);
        }
    }
}

fn check(weft: &Weft, sdk: Sdk, token: &str, scope: Scope) {
    // Namespace and topic tokens may publish and receive, subscription tokens receive; 403 beyond that, 401 when dead.
    let [own_publish, own_receive, sibling_receive, other_publish] = match scope {
        Namespace => [200, 200, 200, 200],
        Topic => [200, 200, 200, 403],
        Subscription => [403, 200, 403, 403],
        Expired => [401; 4],
    };
    // Receives must not wait: there is always something to receive.
    let mut client = weft.client().expect("a client");
    client
        .publish("orders", &[event("a"), event("b")])
        .expect("published");
    for (name, value) in [
        ("aeg-sas-token", token.to_owned()),
        ("authorization", format!("SharedAccessSignature {token}")),
    ] {
        for (target, status) in [
            ("/topics/orders:publish?api-version=2024-06-01", own_publish),
            (
                "/topics/orders/eventsubscriptions/billing:receive?api-version=2024-06-01",
                own_receive,
            ),
            (
                "/topics/orders/eventsubscriptions/shipping:receive?api-version=2024-06-01",
                sibling_receive,
            ),
            ("/topics/other:publish?api-version=2024-06-01", other_publish),
        ] {
            let request = Request::post(target)
                .header(name, &value)
                .header("content-type", "application/cloudevents+json")
                .body(event("sas").to_string());
            let response = post(weft.http_address(), &request).expect("an answer");
            let text = String::from_utf8_lossy(&response.body);
            assert_eq!(
                response.status, status,
                "{sdk:?} {name}: {token} on {target}: {text}"
            );
        }
    }
}
