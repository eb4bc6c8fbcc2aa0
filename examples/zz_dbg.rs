use hbp::hbp::{derive, Request};
use hbp::rewrite::{Report, Rewriter};
fn main() {
    for path in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&path).unwrap();
        let file = hbp::language::parse(&path, &text).unwrap();
        for name in file.modules() {
            let m = file.module(&name).unwrap();
            for v in m.variables().cloned().collect::<Vec<_>>() {
                let mut r = Report::default();
                let t = std::time::Instant::now();
                let _ = derive(&m, &Request { wrt: Some(vec![v.clone()]), ..Request::default() }, Rewriter::embedded(), &mut r);
                println!("{name} {v} {:.1} ms", t.elapsed().as_secs_f64()*1e3);
                for (p, x) in &r.phases { println!("    {p:?} {x:?}"); }
            }
        }
    }
}
