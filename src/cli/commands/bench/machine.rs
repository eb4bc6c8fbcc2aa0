//! The machine in words. Why: a time says nothing without it.

/// As in `AMD EPYC, 2 cores, linux x86_64`; the processor only where the system tells.
pub(super) fn description(cores: usize) -> String {
    let plural = if cores == 1 { "" } else { "s" };
    let system = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    let processor = processor().map_or_else(String::new, |name| format!("{name}, "));
    format!("{processor}{cores} core{plural}, {system}")
}

fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("model name"))?;
    let name = line.trim_start().strip_prefix(':')?;
    let words: Vec<&str> = name.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}
