// SPDX-License-Identifier: Apache-2.0
//! The two worlds: what the node links into them, and whether a component fits one.

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentNamedList, HasSelf, Lift, Linker, Lower};

use crate::bindings::aggregator_output::SubmitAction;
use crate::bindings::operator::wasi::keyvalue;
use crate::bindings::{
    AggregatorAction, AggregatorInput, AnyTxHash, QuorumEntry, SelectIndices, TriggerAction, WasmResponse,
};
use crate::bindings::{aggregator, operator};
use crate::failure::{Failure, Status};
use crate::state::RunState;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u32)]
pub enum World {
    Operator = 0,
    Aggregator = 1,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Export {
    Run = 0,
    ProcessInput = 1,
    HandleTimerCallback = 2,
    HandleSubmitCallback = 3,
    /// Optional.
    Select = 4,
}

impl Export {
    pub const ALL: [Self; 5] =
        [Self::Run, Self::ProcessInput, Self::HandleTimerCallback, Self::HandleSubmitCallback, Self::Select];

    pub fn world(self) -> World {
        match self {
            Self::Run => World::Operator,
            _ => World::Aggregator,
        }
    }
}

/// A component bound to a world: what is left to do per run is to make an instance.
pub enum Linked {
    Operator(operator::OperatorPre<RunState>),
    Aggregator(aggregator::AggregatorPre<RunState>, Option<SelectIndices>),
}

impl Linked {
    pub fn selects(&self) -> bool {
        matches!(self, Self::Aggregator(_, Some(_)))
    }
}

/// The optional export of aggregator components.
pub const SELECT: &str = "wavs:quorum/select@0.1.0";
const SELECT_AT: &str = "wavs:quorum/select@";

/// The versions this library speaks: package, major, minor.
const KNOWN: [(&str, u64, u64); 4] =
    [("wavs:types", 2, 6), ("wavs:operator", 2, 6), ("wavs:aggregator", 2, 6), ("wavs:quorum", 0, 1)];

/// A Wasmtime engine with one linker per world, filled once.
pub struct Worlds {
    engine: wasmtime::Engine,
    operator: Linker<RunState>,
    aggregator: Linker<RunState>,
}

impl Worlds {
    pub fn new(engine: wasmtime::Engine) -> wasmtime::Result<Self> {
        let operator = operator_linker(&engine)?;
        let aggregator = aggregator_linker(&engine)?;
        Ok(Self { engine, operator, aggregator })
    }

    pub fn engine(&self) -> &wasmtime::Engine {
        &self.engine
    }

    /// Binds a component to a world; the failure names the import or export that does not fit.
    pub fn link(&self, component: &Component, world: World) -> Result<Linked, Failure> {
        self.check_versions(component)?;
        let misfit = |error: wasmtime::Error| Failure::from_error(Status::Instantiate, &error);
        match world {
            World::Operator => {
                self.check_operator(component)?;
                let pre = self.operator.instantiate_pre(component).map_err(misfit)?;
                Ok(Linked::Operator(operator::OperatorPre::new(pre).map_err(misfit)?))
            }
            World::Aggregator => {
                self.check_aggregator(component)?;
                let pre = self.aggregator.instantiate_pre(component).map_err(misfit)?;
                let selects = self.check_select(component)?;
                let indices = selects.then(|| SelectIndices::new(&pre)).transpose().map_err(misfit)?;
                Ok(Linked::Aggregator(aggregator::AggregatorPre::new(pre).map_err(misfit)?, indices))
            }
        }
    }

    /// The names a component imports.
    pub fn imports(&self, component: &Component) -> Vec<String> {
        let ty = component.component_type();
        ty.imports(&self.engine).map(|(name, _)| name.to_owned()).collect()
    }

    fn check_versions(&self, component: &Component) -> Result<(), Failure> {
        let ty = component.component_type();
        let imports = ty.imports(&self.engine).map(|(name, _)| name);
        // Also what it exports: to leave out a choice that it wants to make would be to override it.
        let names = imports.chain(ty.exports(&self.engine).map(|(name, _)| name));
        names.filter(|name| name.starts_with("wavs:")).try_for_each(check_version)
    }

    fn check_operator(&self, component: &Component) -> Result<(), Failure> {
        type Return = (Result<Vec<WasmResponse>, String>,);
        self.check_export::<(TriggerAction,), Return>(component, "run")
    }

    fn check_aggregator(&self, component: &Component) -> Result<(), Failure> {
        type Actions = (Result<Vec<AggregatorAction>, String>,);
        type Submitted = (AggregatorInput, Result<AnyTxHash, String>);
        self.check_export::<(AggregatorInput,), Actions>(component, "process-input")?;
        self.check_export::<(AggregatorInput,), Actions>(component, "handle-timer-callback")?;
        self.check_export::<Submitted, (Result<(), String>,)>(component, "handle-submit-callback")
    }

    /// Whether it has the optional export, whose type is checked like that of the others.
    fn check_select(&self, component: &Component) -> Result<bool, Failure> {
        type Selection = (Vec<u8>, SubmitAction, Vec<QuorumEntry>);
        let misfit = |text: &str| Failure::new(Status::Instantiate, format!("the export `{SELECT}` {text}"));
        let ty = component.component_type();
        // Any 0.1.x, since the version has been checked; a look-up of the name wants it exactly.
        let Some((_, export)) = ty.exports(&self.engine).find(|(name, _)| name.starts_with(SELECT_AT)) else {
            return Ok(false);
        };
        let ComponentItem::ComponentInstance(interface) = export.ty else {
            return Err(misfit("is not an interface"));
        };
        let function = interface.get_export(&self.engine, "select").map(|export| export.ty);
        let Some(ComponentItem::ComponentFunc(function)) = function else {
            return Err(misfit("has no function `select`"));
        };
        let typed = function.typecheck::<Selection, (Result<Vec<u32>, String>,)>(&ty.instance_type());
        typed.map_err(|error| misfit(&format!("has a function `select` of another type: {error:#}")))?;
        Ok(true)
    }

    /// Without this a wrong signature would show only when the first instance is made.
    fn check_export<P, R>(&self, component: &Component, name: &str) -> Result<(), Failure>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let misfit = |text: String| Failure::new(Status::Instantiate, text);
        let ty = component.component_type();
        let Some(export) = ty.get_export(&self.engine, name) else {
            return Err(misfit(format!("the component has no export `{name}`")));
        };
        let ComponentItem::ComponentFunc(function) = export.ty else {
            return Err(misfit(format!("the export `{name}` is not a function")));
        };
        let wrong = |error| misfit(format!("the export `{name}` has another type: {error:#}"));
        function.typecheck::<P, R>(&ty.instance_type()).map_err(wrong)
    }
}

/// `name` is an interface such as "wavs:types/core@2.6.0".
fn check_version(name: &str) -> Result<(), Failure> {
    let (path, version) = name.split_once('@').unwrap_or((name, ""));
    let package = path.split('/').next().unwrap_or(path);
    let newer = |have: String| {
        let text = format!("the component is built for {name}, this node has {have}: needs a newer node");
        Err(Failure::new(Status::NeedsNewerNode, text))
    };
    let Some((_, major, minor)) = KNOWN.iter().find(|known| known.0 == package) else {
        let have: Vec<_> = KNOWN.iter().map(|(name, a, b)| format!("{name}@{a}.{b}")).collect();
        return newer(have.join(", "));
    };
    let mut numbers = version.split('.').map(|part| part.parse::<u64>().unwrap_or(u64::MAX));
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    match found.cmp(&(*major, *minor)) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => newer(format!("{package}@{major}.{minor}")),
        std::cmp::Ordering::Less => {
            let text = format!(
                "the component is built for {name}, this node has {package}@{major}.{minor}: rebuild it"
            );
            Err(Failure::new(Status::Instantiate, text))
        }
    }
}

/// Everything both worlds share: WASI with HTTP and TLS, and the key-value store. What a run may do
/// with it is decided when it does it, so that an import alone never fails.
fn add_common(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    let mut tls = wasmtime_wasi_tls::p2::LinkOptions::default();
    tls.tls(true);
    wasmtime_wasi_tls::p2::add_to_linker(linker, &tls)?;
    keyvalue::store::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    keyvalue::atomics::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    keyvalue::batch::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}

fn operator_linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<RunState>> {
    let mut linker = Linker::new(engine);
    add_common(&mut linker)?;
    operator::host::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    Ok(linker)
}

fn aggregator_linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<RunState>> {
    let mut linker = Linker::new(engine);
    add_common(&mut linker)?;
    aggregator::host::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    Ok(linker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert!(check_version("wavs:types/core@2.6.0").is_ok());
        assert!(check_version("wavs:types/core@2.6.9").is_ok());
        let newer = check_version("wavs:types/core@2.7.0").unwrap_err();
        assert_eq!(newer.status, Status::NeedsNewerNode);
        assert!(newer.message.contains("2.7.0") && newer.message.contains("2.6"));
        assert!(newer.message.contains("needs a newer node"));
        assert!(check_version("wavs:quorum/select@0.1.0").is_ok());
        assert_eq!(check_version("wavs:quorum/select@0.2.0").unwrap_err().status, Status::NeedsNewerNode);
        assert_eq!(check_version("wavs:other/thing@0.1.0").unwrap_err().status, Status::NeedsNewerNode);
        assert_eq!(check_version("wavs:types/core@2.5.0").unwrap_err().status, Status::Instantiate);
    }
}
