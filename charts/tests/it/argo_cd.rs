//! Argo CD's health check, run as Argo CD runs it: Lua 5.1 with no library but those for tables and packages.

use mlua::serde::SerializeOptions;
use mlua::{Lua, LuaOptions, LuaSerdeExt, StdLib};
use serde_json::{Value, json};

use crate::files::{agree, documents, read};
use crate::health::{self, Health};

const FOLDER: &str = "docs/gitops/argo-cd";

fn health_of(object: &Value) -> Value {
    run(object).unwrap_or_else(|error| panic!("{error}"))
}

fn run(object: &Value) -> mlua::Result<Value> {
    let lua = Lua::new_with(StdLib::TABLE | StdLib::PACKAGE, LuaOptions::default())?;
    // As in Go, what is null is not there.
    let options = SerializeOptions::new()
        .serialize_none_to_null(false)
        .serialize_unit_to_null(false);
    lua.globals().set("obj", lua.to_value_with(object, options)?)?;
    let result = lua.load(read(&format!("{FOLDER}/health.lua"))).eval()?;
    lua.from_value(result)
}

#[test]
fn the_cases_of_health_test_yaml_hold() {
    let cases = documents(&read(&format!("{FOLDER}/health_test.yaml"))).remove(0);
    let cases = cases["tests"].as_array().unwrap();
    assert_eq!(
        cases.len(),
        std::fs::read_dir(crate::files::path(FOLDER).join("testdata"))
            .unwrap()
            .count()
    );
    for case in cases {
        let input = case["inputPath"].as_str().unwrap();
        let object = documents(&read(&format!("{FOLDER}/{input}"))).remove(0);
        assert_eq!(health_of(&object), case["healthStatus"], "{input}");
    }
}

#[test]
fn every_reason_is_healthy_progressing_degraded_or_suspended() {
    for (reason, health) in health::all() {
        let wanted = match health {
            Health::Healthy => "Healthy",
            Health::Progressing => "Progressing",
            Health::Degraded => "Degraded",
            Health::Suspended => "Suspended",
        };
        assert_eq!(
            health_of(&health::object(reason))["status"],
            wanted,
            "{}",
            reason.as_str()
        );
    }
}

#[test]
fn what_is_unknown_is_progressing() {
    let mut object = health::object(crds::shared::ReadyReason::PodsNotReady);
    object["status"]["conditions"][0]["status"] = json!("Unknown");
    assert_eq!(health_of(&object)["status"], "Progressing");
    object["status"]["conditions"] = json!([]);
    assert_eq!(health_of(&object)["status"], "Progressing");
    object["status"] = json!({});
    assert_eq!(health_of(&object)["status"], "Progressing");
}

#[test]
fn argocd_cm_has_the_same_script_for_each_kind() {
    let script = read(&format!("{FOLDER}/health.lua"));
    let mut text = String::from(
        "# Adds Weft's health checks to Argo CD's settings and leaves the others alone:\n\
         # kubectl apply --server-side --field-manager=weft-health -f argocd-cm.yaml\n\
         # Made from health.lua; UPDATE_GOLDEN=1 cargo test -p charts renews it.\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: argocd-cm\n  namespace: argocd\ndata:\n",
    );
    for kind in crds::Kind::ALL {
        text.push_str(&format!("  resource.customizations.health.weft.dev_{kind}: |\n"));
        for line in script.lines() {
            text.push_str(format!("    {line}").trim_end());
            text.push('\n');
        }
    }
    agree(&format!("{FOLDER}/argocd-cm.yaml"), &text);
    let settings = documents(&text).remove(0);
    crate::types::check(&settings);
    assert_eq!(
        settings["data"]["resource.customizations.health.weft.dev_Topic"],
        script
    );
}
