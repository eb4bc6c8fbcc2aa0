//! Modules and networks on real numbers.

#[path = "network/modules.rs"]
mod modules;
#[path = "network/networks.rs"]
mod networks;
#[path = "network/tools.rs"]
mod tools;
