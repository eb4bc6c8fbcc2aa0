//! A checked file.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::builtin::{self, ELEMENTWISE};
use super::elaborate::{self, Seen};
use super::network::Network;
use super::order::{Order, order};
use super::scope::{Definitions, Scope};
use super::syntax::{Expr, FunctionItem, Item, ModuleItem, NetworkItem, Statement};
use super::{grammar, layout, limits, number, prelude, token};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Source, Span};
use crate::expr::{BUILTIN, Dimension, FunctionDefinition, Id, Module, Name, Sizes};

/// A file of definitions, all of them checked.
#[derive(Clone, Debug)]
pub struct File {
    pub(super) source: Arc<Source>,
    pub(super) definitions: Definitions,
    pub(super) networks: Vec<NetworkItem>,
    warnings: Diagnostics,
}

impl File {
    /// The text and its name.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// What is probably not meant, such as locals that nothing uses.
    pub fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    /// The names of the modules in the order of the file.
    pub fn modules(&self) -> Vec<Name> {
        self.definitions.modules.keys().cloned().collect()
    }

    /// The names of the networks in the order of the file.
    pub fn networks(&self) -> Vec<Name> {
        self.networks
            .iter()
            .map(|network| network.ident.name.clone())
            .collect()
    }

    /// A module of the file, or a built-in one. An elementwise function of the file or built in, and `softmax`, is
    /// a module of one vector.
    ///
    /// # Errors
    /// When there is no module of this name.
    pub fn module(&self, name: &str) -> Result<Module, Diagnostics> {
        if !self.is_module(name) && self.is_function(name) {
            return self.function_module(name);
        }
        let own = self.definitions.modules.get(name).and_then(Option::as_ref);
        let builtin = || prelude::definitions()?.modules.get(name)?.as_ref();
        own.or_else(builtin)
            .map(|template| self.hiding(template.module.clone()))
            .or_else(|| self.composed(name))
            .ok_or_else(|| self.unknown("module", name, &self.modules()).into())
    }

    fn is_module(&self, name: &str) -> bool {
        self.definitions.modules.contains_key(name)
            || prelude::definitions().is_some_and(|p| p.modules.contains_key(name))
    }

    fn is_function(&self, name: &str) -> bool {
        self.definitions.functions.contains_key(name)
            || ELEMENTWISE.contains(&name)
            || name == "softmax"
    }

    /// What a network is made of, each once: modules and functions as they are defined, with open sizes, and every node
    /// that is an expression of its own as a module that bears the node's name, `mlp.h` where there are several networks.
    ///
    /// # Errors
    /// As [`File::network`].
    pub fn network_modules(&self, network: &str) -> Result<Vec<Module>, Diagnostics> {
        let network = self.network(network)?;
        let mut seen: BTreeSet<Name> = BTreeSet::new();
        let mut modules = Vec::new();
        for node in network.nodes.iter().chain([&network.loss]) {
            let name = &node.module.name;
            let is_defined = self.is_module(name) || self.is_function(name);
            let name = if is_defined || self.networks.len() == 1 {
                name.clone()
            } else {
                format!("{}.{name}", network.name).into()
            };
            if !seen.insert(name.clone()) {
                continue;
            }
            modules.push(if is_defined {
                self.module(&name)?
            } else {
                Module {
                    name,
                    ..node.module.clone()
                }
            });
        }
        Ok(modules)
    }

    /// A node of a network that is an expression of its own.
    fn composed(&self, name: &str) -> Option<Module> {
        let networks = self.networks.iter();
        networks
            .filter_map(|network| self.network_modules(&network.ident.name).ok())
            .flatten()
            .find(|module| *module.name == *name)
    }

    /// A diagnostic that points to where a node of a module of this file is written. Nothing for built-in modules.
    pub fn at_node(&self, module: &str, node: Id, diagnostic: Diagnostic) -> Option<Diagnostic> {
        let template = self.definitions.modules.get(module)?.as_ref()?;
        let span = *template.places.get(&node)?;
        Some(diagnostic.at(span, "").within(&self.source))
    }

    /// The module, told which built-ins the file hides: they are written with `builtin.` before them.
    fn hiding(&self, mut module: Module) -> Module {
        let functions = self.definitions.functions.keys();
        for name in functions.chain(self.definitions.modules.keys()) {
            if builtin::is_function(name) {
                let hidden = format!("{BUILTIN}{name}");
                module.graph.define(hidden, FunctionDefinition::Builtin);
            }
        }
        module
    }

    /// `z = name(x)` as a module.
    fn function_module(&self, name: &str) -> Result<Module, Diagnostics> {
        const HOST: &str = "module_of_the_function";
        let text = format!(
            "{}\nmodule {HOST}(x: R[n]) -> z: R[n] {{ z = {name}(x) }}\n",
            self.source.text()
        );
        let mut module = super::parse(self.source.name(), &text)?.module(HOST)?;
        module.name = name.into();
        Ok(module)
    }

    /// A network of the file.
    ///
    /// # Errors
    /// When there is no network of this name, or a dimension of one of its modules is found only in products
    /// (see [`File::network_at`]).
    pub fn network(&self, name: &str) -> Result<Network, Diagnostics> {
        self.network_at(name, &Sizes::new())
    }

    /// A network with sizes for some of its dimensions, those of its modules that nothing else determines
    /// included.
    ///
    /// # Errors
    /// When there is no network of this name, a dimension stays undetermined, or a size contradicts a shape.
    pub fn network_at(&self, name: &str, sizes: &Sizes) -> Result<Network, Diagnostics> {
        let Some(item) = self.networks.iter().find(|n| &*n.ident.name == name) else {
            return Err(self.unknown("network", name, &self.networks()).into());
        };
        let mut dims = BTreeMap::new();
        for (name, size) in sizes {
            let size = u64::try_from(*size).unwrap_or(u64::MAX);
            if size == 0 || size > limits::DIMENSION {
                let message = format!("the dimension {name} cannot be {size}");
                let help = format!("sizes go from 1 to {}", limits::DIMENSION);
                return Err(Diagnostic::new(Code::Dimension, message, help).into());
            }
            dims.insert(name.clone(), Dimension::constant(size));
        }
        let budget = Cell::new(limits::FILE_NODES);
        let mut errors = Diagnostics::new();
        let network = elaborate::network(item, self.scope(), &budget, &dims, false, &mut errors);
        network.ok_or_else(|| errors.sorted().within(&self.source))
    }

    fn unknown(&self, kind: &str, name: &str, known: &[Name]) -> Diagnostic {
        let help = if known.is_empty() {
            format!("the file defines no {kind}")
        } else {
            format!("the {kind}s here are {}", known.join(", "))
        };
        let message = format!("no {kind} is called `{name}` in {}", self.source.name());
        Diagnostic::new(Code::UnknownName, message, help)
    }

    pub(super) fn scope(&self) -> Scope<'_> {
        Scope {
            file: &self.definitions,
            prelude: prelude::definitions(),
        }
    }
}

/// Reads a file and reports everything that is wrong with it.
pub(super) fn parse(
    name: &str,
    text: &str,
    prelude: Option<&Definitions>,
) -> Result<File, Diagnostics> {
    // What some editors put in front of a text is none of it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let source = Arc::new(Source::new(name, text));
    let mut errors = Diagnostics::new();
    let mut warnings = Diagnostics::new();
    let items = items(text, &mut errors);
    let mut definitions = Definitions::default();
    let mut sorted = Sorted::default();
    sorted.fill(&items, &mut errors);
    definitions.networks = sorted
        .networks
        .iter()
        .map(|n| n.ident.name.clone())
        .collect();
    let names = sorted
        .modules
        .iter()
        .map(|module| module.ident.name.clone());
    for name in names.chain(sorted.failed.iter().cloned()) {
        definitions.modules.insert(name, None);
    }
    elaborate::functions(&sorted.functions, &mut definitions, prelude, &mut errors);
    let budget = Cell::new(limits::FILE_NODES);
    modules(
        &sorted.modules,
        &mut definitions,
        prelude,
        &budget,
        &mut errors,
        &mut warnings,
    );
    let scope = Scope {
        file: &definitions,
        prelude,
    };
    for item in &sorted.spare {
        elaborate::module(item, scope, &budget, &mut errors, &mut warnings);
    }
    let networks: Vec<NetworkItem> = sorted.networks.iter().map(|n| (*n).clone()).collect();
    for item in &networks {
        // Sizes may come later, from `--dims`.
        elaborate::network(item, scope, &budget, &BTreeMap::new(), true, &mut errors);
    }
    if errors.is_empty() {
        let warnings = warnings.sorted().within(&source);
        Ok(File {
            source,
            definitions,
            networks,
            warnings,
        })
    } else {
        Err(errors.sorted().within(&source))
    }
}

/// The definitions of a text.
fn items(text: &str, errors: &mut Diagnostics) -> Vec<Item> {
    let Some(tokens) = tokens(text, errors) else {
        return Vec::new();
    };
    let mut found = Diagnostics::new();
    let items = grammar::file(&tokens, text.len(), &mut found);
    drop_echoes(text, errors, &mut found);
    errors.append(found);
    items
}

/// Drops syntax errors on lines where a bracket or a character is reported already.
fn drop_echoes(text: &str, known: &Diagnostics, found: &mut Diagnostics) {
    let starts: Vec<usize> = text.match_indices(['\n', '\r']).map(|(i, _)| i).collect();
    let line = |d: &Diagnostic| {
        d.labels
            .first()
            .map(|l| starts.partition_point(|s| *s < l.span.start))
    };
    let lines: BTreeSet<Option<usize>> = known.iter().map(line).collect();
    found.retain(|d| !lines.contains(&line(d)));
}

/// The tokens of a text, or nothing when it is too large to be read.
pub(super) fn tokens<'a>(
    text: &'a str,
    errors: &mut Diagnostics,
) -> Option<Vec<(token::Token<'a>, Span)>> {
    if text.len() > limits::FILE_BYTES {
        let message = format!("the file has {} bytes", text.len());
        let help = format!("split it: at most {} bytes are read", limits::FILE_BYTES);
        errors.push(Diagnostic::new(Code::Limit, message, help));
        return None;
    }
    let tokens = token::lex(text, errors);
    for (token, span) in &tokens {
        let (code, message, help) = match token {
            token::Token::Number(digits) => {
                let Some((message, help)) = number::fault(digits) else {
                    continue;
                };
                (Code::Number, message, help)
            }
            token::Token::Name(name) if name.len() > limits::NAME_BYTES => {
                let message = format!("the name is longer than {} bytes", limits::NAME_BYTES);
                (Code::Limit, message, "shorten it".to_owned())
            }
            _ => continue,
        };
        let ends = code == Code::Limit;
        errors.push(Diagnostic::new(code, message, help).at(*span, "here"));
        if ends {
            return None;
        }
    }
    layout::arrange(&tokens, errors)
}

/// Definitions by kind. A name that is defined twice is its first definition.
#[derive(Default)]
struct Sorted<'a> {
    functions: Vec<&'a FunctionItem>,
    modules: Vec<&'a ModuleItem>,
    networks: Vec<&'a NetworkItem>,
    /// Modules whose name is taken: checked, and then forgotten.
    spare: Vec<&'a ModuleItem>,
    /// Names of definitions that could not be read.
    failed: Vec<Name>,
}

impl<'a> Sorted<'a> {
    fn fill(&mut self, items: &'a [Item], errors: &mut Diagnostics) {
        let (mut callables, mut networks) = (Seen::default(), Seen::default());
        for item in items {
            match item {
                Item::Function(item) => {
                    if callables.define(&item.ident, errors) {
                        self.functions.push(item);
                    }
                }
                Item::Module(item) if callables.define(&item.ident, errors) => {
                    self.modules.push(item);
                }
                Item::Module(item) => self.spare.push(item),
                Item::Network(item) => {
                    networks.define(&item.ident, errors);
                    self.networks.push(item);
                }
                Item::Error(ident) => {
                    if let Some(ident) = ident {
                        callables.define(ident, errors);
                        self.failed.push(ident.name.clone());
                    }
                }
            }
        }
    }
}

fn modules(
    items: &[&ModuleItem],
    definitions: &mut Definitions,
    prelude: Option<&Definitions>,
    budget: &Cell<usize>,
    errors: &mut Diagnostics,
    warnings: &mut Diagnostics,
) {
    let idents: Vec<_> = items.iter().map(|item| &item.ident).collect();
    let bodies: Vec<Vec<&Expr>> = items.iter().map(|item| values(&item.body)).collect();
    let Order { sorted, cyclic } = order(&idents, &bodies, "module", errors);
    for i in sorted {
        if !cyclic.contains(&i) {
            let scope = Scope {
                file: definitions,
                prelude,
            };
            let template = elaborate::module(items[i], scope, budget, errors, warnings);
            definitions
                .modules
                .insert(items[i].ident.name.clone(), template);
        }
    }
}

fn values(body: &[Statement]) -> Vec<&Expr> {
    let value = |statement| match statement {
        &Statement::Define(_, ref value)
        | &Statement::Model(_, ref value)
        | &Statement::Loss(_, ref value) => Some(value),
        _ => None,
    };
    body.iter().filter_map(value).collect()
}
