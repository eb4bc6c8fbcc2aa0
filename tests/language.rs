//! The language: good text becomes the right expressions, bad text the right messages.

use hbp::diagnostic::Style;
use hbp::expr::{Graph, Id, Op};

/// An expression in the notation of the rules.
fn print(graph: &Graph, id: Id) -> String {
    let node = &graph[id];
    let head = match &node.op {
        Op::Variable(name) => return name.to_string(),
        Op::Number(value) => return value.to_string(),
        Op::Dimension(d) => return format!("{d}"),
        Op::Function(f) => return format!("{}{}", f.name, "'".repeat(f.order as usize)),
        op => op.head().map_or("?", |(name, _)| name),
    };
    let children: Vec<String> = node.children.iter().map(|c| print(graph, *c)).collect();
    format!("({head} {})", children.join(" "))
}

#[test]
fn straight() {
    let text = "fn phi(t)\nfn swish(t) = t * sigmoid(t)\nmodule comp[m](x: R[n]) -> z: R[m] {\n y = phi(x)\n z = linear[m](y)\n}\nmodule gated[m](x: R[n]) -> z: R[m] {\n  param U: R[m, n]\n param V: R[m, n]\n param c: R[m]\n gate = swish(V*x + c) # hm\n z = (U*x) .* gate }\nmodule bad(x: R[n]) -> z: R[m] { z = x + linear[3](phi'(x), y); q = foo(x' * x'); module = 3 }";
    match hbp::language::parse("a.hbp", text) {
        Ok(file) => {
            for name in file.modules() {
                let m = file.module(&name).unwrap();
                println!(
                    "{name} {:?} {:?} {:?} {}",
                    m.inputs,
                    m.parameters,
                    m.graph.functions(),
                    print(&m.graph, m.output.1)
                );
            }
        }
        Err(e) => println!("{}", e.render(Style::PLAIN)),
    }
}
