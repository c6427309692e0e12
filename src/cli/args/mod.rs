//! Flags that several commands share, each declared once, and how their values are parsed.

mod access;
mod exempt;
mod kinds;
mod names;
mod output;
mod registration;
mod requester;
mod rules;

pub(super) use access::{AccessArgs, LiveArgs, block_on};
pub(super) use exempt::ExemptArgs;
pub(super) use kinds::KindArgs;
pub(super) use output::{Format, OutputArgs};
pub(super) use registration::{EndpointArgs, ManagedArgs, TrustArgs};
pub(super) use requester::RequesterArgs;
pub(super) use rules::{RuleArgs, find};
