//! `fieldward serve --cluster`: it follows the rules of the cluster and keeps registration and certificates, with the permissions of its
//! own service account and no others.

mod replica;
mod rules;

use libtest_mimic::Trial;

use super::alone;

pub(crate) fn trials() -> Vec<Trial> {
    vec![alone("unattended::a_rule_is_created_changed_and_deleted", rules::created_changed_and_deleted)]
}
