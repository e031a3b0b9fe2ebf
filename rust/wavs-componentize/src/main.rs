// SPDX-License-Identifier: Apache-2.0
//! Build helper for guests: C bindings out of wit/, and the step from core module to component.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs};

use wasi_preview1_component_adapter_provider as adapter;
use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;
use wit_component::ComponentEncoder;

const USAGE: &str = "usage:
  wavs-componentize bindings --world WORLD --wit DIR --out DIR [--name NAME]
  wavs-componentize component --module FILE --out FILE";

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match run(&env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wavs-componentize: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Outcome<()> {
    match args.first().map(String::as_str) {
        Some("bindings") => bindings(&args[1..]),
        Some("component") => component(&args[1..]),
        _ => Err(USAGE.into()),
    }
}

fn option<'a>(args: &'a [String], name: &str) -> Outcome<&'a str> {
    let found = args.chunks_exact(2).find(|pair| pair[0] == name);
    found.map(|pair| pair[1].as_str()).ok_or_else(|| format!("{name} is missing\n{USAGE}").into())
}

fn bindings(args: &[String]) -> Outcome<()> {
    let out = PathBuf::from(option(args, "--out")?);
    // wasi:tls is behind a feature gate.
    let mut resolve = Resolve { all_features: true, ..Resolve::default() };
    let (package, _) = resolve.push_dir(option(args, "--wit")?)?;
    let world = resolve.select_world(&[package], Some(option(args, "--world")?))?;
    let mut files = Files::default();
    // With one name for both worlds, guest code can share helpers over the generated types.
    let rename_world = option(args, "--name").ok().map(str::to_owned);
    let options = wit_bindgen_c::Opts { rename_world, ..Default::default() };
    options.build().generate(&mut resolve, world, &mut files)?;
    fs::create_dir_all(&out)?;
    for (name, contents) in files.iter() {
        fs::write(out.join(name), contents)?;
    }
    Ok(())
}

fn component(args: &[String]) -> Outcome<()> {
    let module = fs::read(option(args, "--module")?)?;
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true);
    encoder.module(&module)?;
    encoder.adapter(
        adapter::WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
        adapter::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
    )?;
    fs::write(option(args, "--out")?, encoder.encode()?)?;
    Ok(())
}
