//! Kafka's jars from Maven Central.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;

use e2e::toolbox;

use crate::peers;

pub(crate) const VERSION: &str = "4.3.1";

/// Without a binding of its logging interface it would say nothing, not even why it does not start.
const LOG4J_VERSION: &str = "2.25.4";

/// The folder of the jars, filled at first need.
pub(super) fn libraries() -> anyhow::Result<PathBuf> {
    let name = format!("kafka-{VERSION}");
    Ok(toolbox::prepare_version(&name, download)?.join("libs"))
}

fn download(folder: &Path) -> anyhow::Result<()> {
    let dependency = |group: &str, artifact: &str, version: &str| {
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version></dependency>"
        )
    };
    let project = format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>weft</groupId><artifactId>peer</artifactId><version>1</version>\
         <dependencies>{}{}</dependencies></project>",
        dependency("org.apache.kafka", "kafka_2.13", VERSION),
        dependency("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J_VERSION),
    );
    fs::write(folder.join("pom.xml"), project).context("write the project")?;
    let mut maven = Command::new("mvn");
    maven
        .current_dir(folder)
        .args([
            "--batch-mode",
            "--quiet",
            "dependency:copy-dependencies",
            "-DincludeScope=runtime",
        ])
        .arg(format!("-DoutputDirectory={}", folder.join("libs").display()));
    peers::run(&mut maven).map(drop)
}
