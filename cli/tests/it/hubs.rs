//! Event hubs, as far as manifests and settings go.

use std::fs;

use crate::home::Home;

#[test]
fn programs_are_told_to_reach_event_hubs_without_tls_at_the_port_of_the_block() {
    let home = Home::eventhubs();
    let _dev = home.start();
    let key = home.setting("shop", "EVENTGRID_KEY");
    let port = home.port_base + 2;
    assert_eq!(
        home.setting("shop", "EVENT_HUB_CONNECTION_STR"),
        format!(
            "Endpoint=sb://localhost:{port};SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey={key};\
             UseDevelopmentEmulator=true"
        )
    );
    assert_eq!(
        home.setting("shop", "EVENT_HUB_FULLY_QUALIFIED_NAMESPACE"),
        "localhost"
    );
    for port in [port, port + 1] {
        std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    }
}

#[test]
fn partitions_that_would_go_are_a_mistake_at_their_line() {
    let home = Home::eventhubs();
    let dev = home.start();
    let hub = fs::read_to_string(home.manifests().join("hub.yaml")).unwrap();
    home.write("hub.yaml", &hub.replace("partitionCount: 4", "partitionCount: 3"));
    dev.wait_for_stderr("error: manifests/hub.yaml:10:5: Hub telemetry: spec.eventHub.partitionCount");
    dev.wait_for_stderr("can grow and never shrink");
    home.write("hub.yaml", &hub.replace("partitionCount: 4", "partitionCount: 8"));
    dev.wait_for_stderr("configuration applied");
}

#[test]
fn a_program_finds_what_python_and_java_need_to_trust_the_namespace() {
    let home = Home::eventhubs();
    let _dev = home.start();
    let script = "echo $PYTHONPATH; echo $JAVA_TOOL_OPTIONS";
    let said = home
        .command(&["exec", "shop", "--", "sh", "-c", script])
        .env("PYTHONPATH", "/mine")
        .env_remove("JAVA_TOOL_OPTIONS")
        .output()
        .unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let bundle = home.setting("shop", "SSL_CERT_FILE");
    let folder = bundle.strip_suffix("/bundle.pem").unwrap();
    let store = format!("{folder}/bundle.p12");
    assert_eq!(
        said,
        format!("{folder}/python:/mine\n-Djavax.net.ssl.trustStore=\"{store}\"\n")
    );
    assert!(fs::metadata(store).unwrap().len() > 500);
    assert!(fs::metadata(format!("{folder}/python/sitecustomize.py")).is_ok());
}
