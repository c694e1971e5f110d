//! `weft env`

use serde_json::{Map, Value};

use crate::args::{Env, EnvOutput};
use crate::connection::local_settings;
use crate::failure::Failure;
use crate::output;

pub(crate) fn run(args: &Env) -> Result<(), Failure> {
    let variables = local_settings(&args.data.data, &args.namespace)?;
    match args.output {
        EnvOutput::Shell => variables
            .iter()
            .try_for_each(|(key, value)| output::line(&shell(key, value))),
        EnvOutput::Docker => variables
            .iter()
            .try_for_each(|(key, value)| output::line(&format!("{key}={value}"))),
        EnvOutput::Json => {
            let object: Map<String, Value> = variables
                .into_iter()
                .map(|(key, value)| (key, value.into()))
                .collect();
            output::json(&object.into())
        }
    }
}

fn shell(key: &str, value: &str) -> String {
    format!("{key}='{}'", value.replace('\'', r"'\''"))
}
