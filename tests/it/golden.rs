//! Expected outputs as data files: compared exactly, rewritten when `FIELDWARD_BLESS=1` says so
//! (never where `CI` is set).

use std::fs;
use std::path::Path;

/// Compares `found` with the file.
pub(crate) fn compare(file: &Path, found: &str) {
    if renew(file, found) {
        return;
    }
    let expected = fs::read_to_string(file).unwrap_or_default();
    if expected != found {
        let differing = expected.lines().zip(found.lines()).position(|(one, two)| one != two);
        let line = differing.unwrap_or_else(|| expected.lines().count().min(found.lines().count()));
        panic!(
            "{} differs from line {} on (FIELDWARD_BLESS=1 rewrites it)\nexpected: \
             {:?}\nfound:    {:?}\n\n{found}",
            file.display(),
            line + 1,
            expected.lines().nth(line),
            found.lines().nth(line)
        );
    }
}

/// Writes `found` to the file if expectations are to be rewritten; whether they are.
pub(crate) fn renew(file: &Path, found: &str) -> bool {
    let renewing = is_renewing();
    if renewing {
        assert!(
            std::env::var_os("CI").is_none_or(|value| value != "true"),
            "FIELDWARD_BLESS=1 rewrites expectations: not where CI=true"
        );
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, found).unwrap();
    }
    renewing
}

/// Whether expectations are to be rewritten.
pub(crate) fn is_renewing() -> bool {
    std::env::var_os("FIELDWARD_BLESS").is_some_and(|value| value == "1")
}
