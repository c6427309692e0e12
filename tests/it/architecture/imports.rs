//! The imports between the files of a crate: a file imports another one if its code names an item
//! that the other one defines.
//!
//! A name is followed through every `use` and re-export to the file that defines it. A module that
//! is only passed on the way is no import. A file that only declares modules and passes names on
//! imports nothing. Code behind `#[cfg(test)]` does not count, neither do methods and fields, which
//! need no `use`.

use std::collections::{BTreeMap, BTreeSet};

use syn::buffer::{Cursor, TokenBuffer};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemUse, Macro, Meta, UseTree};

/// A use, by one file, of an item of another one. Files are named by their path below src.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Import {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) item: String,
}

/// All imports between `sources`, which are files below src and their text.
pub(crate) fn imports(sources: &[(String, String)]) -> BTreeSet<Import> {
    let mut modules = Modules::default();
    let parsed: Vec<(&str, Vec<Item>)> = sources
        .iter()
        .map(|(name, text)| {
            (
                name.as_str(),
                syn::parse_file(text).unwrap_or_else(|error| panic!("{name}: {error}")).items,
            )
        })
        .collect();
    for (name, items) in &parsed {
        modules.read(name, module_of(name), items);
    }
    let mut imports = BTreeSet::new();
    for (name, items) in &parsed {
        let mut uses =
            Uses { modules: &modules, file: name, module: module_of(name), imports: &mut imports };
        if modules.is_tested_only(&uses.module) || items.iter().all(only_declares) {
            continue;
        }
        for item in items {
            uses.visit_item(item);
        }
    }
    imports
}

/// The groups of files that import each other in a cycle, each sorted.
pub(crate) fn cycles(imports: &BTreeSet<Import>) -> Vec<BTreeSet<&str>> {
    let mut reached: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for start in imports.iter().map(|import| import.from.as_str()) {
        let mut pending = vec![start];
        let seen = reached.entry(start).or_default();
        while let Some(file) = pending.pop() {
            pending.extend(
                imports
                    .iter()
                    .filter(|import| import.from == file)
                    .map(|import| import.to.as_str())
                    .filter(|to| seen.insert(to)),
            );
        }
    }
    let mutual = |from: &str, to: &str| reached.get(from).is_some_and(|seen| seen.contains(to));
    let groups: BTreeSet<BTreeSet<&str>> = reached
        .keys()
        .filter(|file| mutual(file, file))
        .map(|file| {
            reached
                .keys()
                .filter(|other| mutual(file, other) && mutual(other, file))
                .copied()
                .collect()
        })
        .collect();
    groups.into_iter().collect()
}

/// The path of the module that a file is.
fn module_of(file: &str) -> Vec<String> {
    let path = file.strip_suffix(".rs").unwrap_or(file);
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if path == "lib" { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}

/// What the modules of a crate hold, by their path.
#[derive(Default)]
struct Modules(BTreeMap<Vec<String>, Module>);

#[derive(Default)]
struct Module {
    file: String,
    defined: BTreeSet<String>,
    /// Names that a `use` brings in, and the paths behind them.
    used: Vec<(String, Vec<String>)>,
    /// Modules of which a `use` brings in everything.
    globs: Vec<Vec<String>>,
    /// Modules that only tests have.
    tests: BTreeSet<String>,
}

/// What a path names.
#[derive(Clone, PartialEq, Eq)]
enum Named {
    Module(Vec<String>),
    Item { file: String, name: String },
}

impl Modules {
    fn read(&mut self, file: &str, path: Vec<String>, items: &[Item]) {
        let mut module = Module { file: file.to_owned(), ..Module::default() };
        for item in items {
            let tests = attributes(item).iter().any(is_cfg_test);
            match item {
                Item::Mod(inner) => match &inner.content {
                    _ if tests => {
                        module.tests.insert(inner.ident.to_string());
                    }
                    Some((_, items)) => {
                        self.read(file, join(&path, &inner.ident.to_string()), items);
                    }
                    None => {}
                },
                _ if tests => {}
                Item::Use(item) => collect_use(&item.tree, &mut Vec::new(), &mut module),
                _ => module.defined.extend(defined_name(item)),
            }
        }
        self.0.insert(path, module);
    }

    fn is_tested_only(&self, path: &[String]) -> bool {
        (1..=path.len()).any(|length| {
            self.0
                .get(&path[..length - 1])
                .is_some_and(|parent| parent.tests.contains(&path[length - 1]))
        })
    }

    /// What `path` names inside `module`. `depth` bounds how many re-exports are followed.
    fn resolve(&self, module: &[String], path: &[String], depth: usize) -> Option<Named> {
        let depth = depth.checked_sub(1)?;
        let mut current = module.to_vec();
        let mut rest = path;
        while let [first, others @ ..] = rest {
            match first.as_str() {
                "crate" | "fieldward" => current.clear(),
                "super" => drop(current.pop()?),
                "self" => {}
                _ => break,
            }
            rest = others;
        }
        while let [name, others @ ..] = rest {
            match self.member(&current, name, others.is_empty(), depth)? {
                Named::Module(path) => current = path,
                item @ Named::Item { .. } => return Some(item),
            }
            rest = others;
        }
        Some(Named::Module(current))
    }

    /// What `name` is in a module. A module and an item may share a name: the last name of a path
    /// is rather the item.
    fn member(&self, path: &[String], name: &str, last: bool, depth: usize) -> Option<Named> {
        let module = self.0.get(path)?;
        let child = join(path, name);
        let child = self.0.contains_key(&child).then_some(Named::Module(child));
        if child.is_some() && !last {
            return child;
        }
        if module.defined.contains(name) {
            return Some(Named::Item { file: module.file.clone(), name: name.to_owned() });
        }
        let used = module
            .used
            .iter()
            .filter(|(used, _)| used == name)
            .filter_map(|(_, target)| self.resolve(path, target, depth));
        let globs =
            module.globs.iter().filter_map(|glob| match self.resolve(path, glob, depth)? {
                Named::Module(path) => self.member(&path, name, last, depth.checked_sub(1)?),
                Named::Item { .. } => None,
            });
        used.chain(globs)
            .find(|named| child.is_none() || matches!(named, Named::Item { .. }))
            .or(child)
    }
}

fn join(path: &[String], name: &str) -> Vec<String> {
    [path, &[name.to_owned()]].concat()
}

fn collect_use(tree: &UseTree, path: &mut Vec<String>, module: &mut Module) {
    match tree {
        UseTree::Path(step) => {
            path.push(step.ident.to_string());
            collect_use(&step.tree, path, module);
            path.pop();
        }
        UseTree::Group(group) => {
            group.items.iter().for_each(|tree| collect_use(tree, path, module));
        }
        UseTree::Glob(_) => module.globs.push(path.clone()),
        UseTree::Name(name) if name.ident == "self" => {
            module.used.extend(path.last().cloned().map(|name| (name, path.clone())));
        }
        UseTree::Name(name) => {
            module.used.push((name.ident.to_string(), join(path, &name.ident.to_string())));
        }
        UseTree::Rename(name) if name.ident == "self" => {
            module.used.push((name.rename.to_string(), path.clone()));
        }
        UseTree::Rename(name) => {
            module.used.push((name.rename.to_string(), join(path, &name.ident.to_string())));
        }
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn is_cfg_test(attribute: &Attribute) -> bool {
    matches!(&attribute.meta, Meta::List(list) if list.path.is_ident("cfg")
        && list.tokens.to_string() == "test")
}

fn defined_name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

/// Whether an item only declares a module or passes names on.
fn only_declares(item: &Item) -> bool {
    match item {
        Item::Mod(inner) => inner.content.is_none() || attributes(item).iter().any(is_cfg_test),
        Item::Use(_) => true,
        _ => false,
    }
}

/// Collects what the code of a file names.
struct Uses<'a> {
    modules: &'a Modules,
    file: &'a str,
    module: Vec<String>,
    imports: &'a mut BTreeSet<Import>,
}

impl Uses<'_> {
    fn name(&mut self, path: &[String]) {
        if let Some(Named::Item { file, name }) = self.modules.resolve(&self.module, path, 16)
            && file != self.file
        {
            self.imports.insert(Import { from: self.file.to_owned(), to: file, item: name });
        }
    }

    /// The paths among the tokens of a macro or an attribute, which nothing has parsed.
    fn tokens(&mut self, mut cursor: Cursor<'_>) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        while !cursor.eof() {
            if let Some((ident, next)) = cursor.ident() {
                if colons != 2 {
                    self.name(&std::mem::take(&mut path));
                }
                path.push(ident.to_string());
                (colons, cursor) = (0, next);
            } else if let Some((punct, next)) = cursor.punct() {
                colons = if punct.as_char() == ':' { colons + 1 } else { 0 };
                cursor = next;
            } else {
                if let Some((inner, ..)) = cursor.any_group() {
                    self.tokens(inner);
                }
                colons = 0;
                let Some((_, next)) = cursor.token_tree() else { break };
                cursor = next;
            }
        }
        self.name(&path);
    }
}

impl<'ast> Visit<'ast> for Uses<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if attributes(item).iter().any(is_cfg_test) {
            return;
        }
        match item {
            Item::Mod(inner) if inner.content.is_some() => {
                self.module.push(inner.ident.to_string());
                visit::visit_item(self, item);
                self.module.pop();
            }
            _ => visit::visit_item(self, item),
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let mut module = Module::default();
        collect_use(&item.tree, &mut Vec::new(), &mut module);
        for (_, path) in module.used {
            self.name(&path);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> =
            path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.name(&names);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.tokens(TokenBuffer::new2(call.tokens.clone()).begin());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.tokens(TokenBuffer::new2(list.tokens.clone()).begin());
        }
    }
}
