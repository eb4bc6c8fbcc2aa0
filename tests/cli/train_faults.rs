//! `hbp train` where the machine refuses: a disk without room, a place that cannot be written, another process in the same directory.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::train::{metrics, path, train};
use super::{hbp, program};

/// As [`hbp`], where no file may grow beyond so many blocks of 512 bytes, as on a disk without room.
fn without_room(blocks: u32, arguments: &[&str]) -> (Option<i32>, String) {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    let output = Command::new("sh")
        .args(["-c", &script, "sh", env!("CARGO_BIN_EXE_hbp")])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), err)
}

/// What was written before stays, and the run goes on once there is room.
#[test]
fn a_full_disk_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let [run, whole] = ["run", "whole"].map(|name| path(&folder, name));
    assert_eq!(train(&run, &["--epochs", "1"]).code, 0);
    let checkpoint = Path::new(&run).join("checkpoint.safetensors");
    let before = (fs::read(&checkpoint).unwrap(), metrics(&run));
    assert!(before.0.len() > 16 * 512);
    let (code, err) = without_room(16, &["train", "--resume", &run, "--epochs", "3"]);
    assert_eq!(code, Some(2), "{err}");
    assert!(
        err.contains("checkpoint.safetensors") && err.contains("help: "),
        "{err}"
    );
    assert!(fs::read(&checkpoint).unwrap() == before.0);
    let leftovers = fs::read_dir(&run).unwrap().count();
    assert_eq!(leftovers, 5, "a part of a file was left behind");
    let answer = hbp(&["train", "--resume", &run, "--epochs", "3"], b"");
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert_eq!(train(&whole, &["--epochs", "3"]).code, 0);
    assert_eq!(metrics(&run), metrics(&whole));
    // A row that was cut off is put right, too.
    let file = Path::new(&run).join("metrics.csv");
    let text = fs::read_to_string(&file).unwrap();
    let blocks = u32::try_from(text.len() / 512).unwrap();
    let filled = text.clone() + &"4,".repeat(((blocks as usize + 1) * 512 - text.len()) / 2);
    fs::write(&file, filled).unwrap();
    let answer = hbp(&["train", "--resume", &run, "--epochs", "4"], b"");
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert_eq!(train(&whole, &["--epochs", "4", "--force"]).code, 0);
    assert_eq!(metrics(&run), metrics(&whole));
}

/// Root may write where others may not, so the place is one where nobody may.
#[cfg(target_os = "linux")]
#[test]
fn a_place_that_cannot_be_written_is_named() {
    for out in ["/proc/run", "/dev/null/run"] {
        let answer = train(out, &["--epochs", "1"]);
        assert_eq!((answer.code, answer.out.as_str()), (2, ""), "{out}");
        assert!(
            answer.err.contains(out) && answer.err.contains("help: "),
            "{}",
            answer.err
        );
    }
}

#[cfg(unix)]
#[test]
fn two_processes_do_not_train_in_one_directory() {
    let folder = tempfile::tempdir().unwrap();
    let run = path(&folder, "run");
    let arguments = ["train", "--out", &run, "--epochs", "1000000"];
    let mut child = program(&arguments).stdin(Stdio::null()).spawn().unwrap();
    let file = Path::new(&run).join("checkpoint.safetensors");
    for _ in 0..20_000 {
        if file.exists() {
            break;
        }
        sleep(Duration::from_micros(500));
    }
    for arguments in [
        &["train", "--resume", &run][..],
        &["train", "--out", &run, "--force"],
    ] {
        let answer = hbp(arguments, b"");
        assert_eq!((answer.code, answer.out.as_str()), (2, ""), "{arguments:?}");
        assert!(
            answer.err.contains("another process trains in"),
            "{}",
            answer.err
        );
    }
    let rows = metrics(&run).len();
    assert!(rows >= 2, "the run lost its rows");
    child.kill().unwrap();
    child.wait().unwrap();
    let epochs = metrics(&run).len().to_string();
    let answer = hbp(&["train", "--resume", &run, "--epochs", &epochs], b"");
    assert_eq!(answer.code, 0, "{}", answer.err);
}
