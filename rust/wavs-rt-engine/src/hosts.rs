// SPDX-License-Identifier: Apache-2.0
//! A manifest's `allowed_http_hosts`: "host", "host:port", "*.suffix" (one label or more in front, not
//! the suffix itself) or "*". A scheme or path in an entry does not count.

use crate::bindings::service::{AllowedHostPermission, Submit};
use crate::egress::{normal_name, split_port};
use crate::host::Origin;
use crate::state::ServiceSnapshot;
use crate::worlds::World;

/// The hosts one component may send requests to.
#[derive(Debug)]
pub enum AllowedHosts {
    All,
    Only(Vec<Entry>),
}

#[derive(Debug)]
pub struct Entry {
    /// In the form of `normal_name`, in punycode; with a leading dot a suffix.
    host: String,
    port: Option<u16>,
}

impl AllowedHosts {
    /// What the manifest grants the component that runs; nothing when that cannot be told.
    pub fn of_run(service: Option<&ServiceSnapshot>, origin: &Origin) -> Self {
        let none = Self::Only(Vec::new());
        let Some(Ok(service)) = service.map(ServiceSnapshot::decode) else { return none };
        let found = service.workflows.into_iter().find(|(id, _)| *id == origin.workflow_id);
        let component = match (origin.export.world(), found) {
            (World::Operator, Some((_, workflow))) => workflow.component,
            (World::Aggregator, Some((_, workflow))) => match workflow.submit {
                Submit::Aggregator(submit) => submit.component,
                Submit::None => return none,
            },
            (_, None) => return none,
        };
        match component.permissions.allowed_http_hosts {
            AllowedHostPermission::All => Self::All,
            AllowedHostPermission::Only(entries) => Self::only(&entries),
            AllowedHostPermission::None => none,
        }
    }

    fn only(entries: &[String]) -> Self {
        if entries.iter().any(|entry| entry == "*") {
            return Self::All;
        }
        // An entry that cannot be read allows nothing.
        Self::Only(entries.iter().filter_map(|entry| Entry::parse(entry)).collect())
    }

    /// `host` in the form of `normal_name`.
    pub fn permit(&self, host: &str, port: u16) -> bool {
        match self {
            Self::All => true,
            Self::Only(entries) => entries.iter().any(|entry| entry.matches(host, port)),
        }
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.split_once("://").map_or(text, |(_, rest)| rest);
        let text = text.split(['/', '?', '#']).next().unwrap_or(text);
        let (host, port) = split_port(text).ok()?;
        let (dot, host) = match host.strip_prefix("*.") {
            Some(suffix) => (".", suffix),
            None => ("", host),
        };
        let host = idna::domain_to_ascii(&normal_name(host)).ok()?;
        (!host.is_empty()).then(|| Self { host: format!("{dot}{host}"), port })
    }

    fn matches(&self, host: &str, port: u16) -> bool {
        let named = match self.host.starts_with('.') {
            true => host.len() > self.host.len() && host.ends_with(&self.host),
            false => host == self.host,
        };
        named && self.port.is_none_or(|only| only == port)
    }
}

#[cfg(test)]
mod tests {
    use super::AllowedHosts;

    fn permits(entries: &[&str], host: &str, port: u16) -> bool {
        let entries: Vec<String> = entries.iter().map(|entry| (*entry).into()).collect();
        AllowedHosts::only(&entries).permit(host, port)
    }

    #[test]
    fn entries() {
        for (entry, host, port, expected) in [
            ("example.com", "example.com", 443, true),
            ("example.com", "www.example.com", 443, false),
            ("Example.COM.", "example.com", 80, true),
            ("example.com:8443", "example.com", 8443, true),
            ("example.com:8443", "example.com", 443, false),
            ("*.example.com", "a.example.com", 443, true),
            ("*.example.com", "a.b.example.com", 443, true),
            ("*.example.com", "example.com", 443, false),
            ("*.example.com", "badexample.com", 443, false),
            ("*.example.com", ".example.com", 443, false),
            ("*.example.com:80", "a.example.com", 443, false),
            ("*", "anything", 1, true),
            ("https://example.com/path?x", "example.com", 443, true),
            ("https://example.com:9/path", "example.com", 443, false),
            ("b\u{fc}cher.example", "xn--bcher-kva.example", 443, true),
            ("[::1]:80", "::1", 80, true),
            ("::1", "::1", 80, true),
            ("127.0.0.1", "127.0.0.1", 80, true),
            ("", "example.com", 443, false),
            ("example.com:x", "example.com", 443, false),
            ("*.", "example.com", 443, false),
        ] {
            assert_eq!(permits(&[entry], host, port), expected, "{entry} {host}:{port}");
        }
        assert!(!permits(&[], "example.com", 443));
    }
}
