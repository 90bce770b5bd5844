//! A program that writes TXT records.

use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{killpg, Signal};
use nix::unistd::Pid;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::compile::Report;

/// Bytes of the program's output that are kept for the message about its failure.
const MOST_OUTPUT: u64 = 4096;
/// Time in which the output may end after the program has: one that it left behind may hold the output open.
const OUTPUT_PATIENCE: Duration = Duration::from_millis(200);

/// A program that is called with `add` or `remove`, the name and the value behind its own arguments.
#[derive(Debug)]
pub(super) struct CommandProvider {
    /// The program and its arguments. Never empty.
    words: Vec<String>,
}

impl CommandProvider {
    /// `None` if there is no such program; `report` then says so.
    pub(super) fn compile(words: &[String], report: &mut Report<'_>) -> Option<Self> {
        let mut report = report.within("command");
        let Some(program) = words.first() else {
            report.error("it is empty: write the path of a program, such as \"bin/dns\"");
            return None;
        };
        if let Some(wrong) = words.iter().find(|word| word.contains('\0')) {
            report.error(format!("{wrong:?} has a NUL byte in it: leave it out"));
            return None;
        }
        if !is_program(program) {
            let place = if program.contains('/') { "" } else { " in the folders of PATH" };
            report.error(format!("there is no program {program:?}{place}: write the path of a file that can be run"));
            return None;
        }
        Some(Self { words: words.to_vec() })
    }

    /// Runs the program, for at most `limit`. After that, it and what it started are killed.
    pub(super) async fn call(&self, op: &str, name: &str, value: &str, limit: Duration) -> Result<(), String> {
        let program = self.words[0].clone();
        let mut words = self.words.clone();
        words.extend([op, name, value].map(str::to_owned));
        let (started, group) = oneshot::channel();
        // Also if nobody waits any more, from here on.
        let mut group = GroupGuard(Some(group));
        let run = tokio::task::spawn_blocking(move || run(&words, started));
        let ended = match timeout(limit, run).await {
            Ok(ended) => ended.unwrap_or_else(|panic| Err(io::Error::other(panic))),
            Err(_) => return Err(format!("{program} has not ended within {} s, and is killed", limit.as_secs_f64())),
        };
        group.0 = None;
        match ended {
            Ok((status, _)) if status.success() => Ok(()),
            Ok((status, output)) => Err(failure(&program, status, &output)),
            Err(error) => Err(format!("{program} cannot be run: {error}")),
        }
    }
}

/// A group of processes that is killed when this is dropped: here if it is known by then, else by who starts it.
struct GroupGuard(Option<oneshot::Receiver<Pid>>);

impl Drop for GroupGuard {
    fn drop(&mut self) {
        let Some(mut group) = self.0.take() else { return };
        group.close();
        if let Ok(group) = group.try_recv() {
            kill(group);
        }
    }
}

/// Kills a group of processes. It may have ended by itself.
fn kill(group: Pid) {
    let _ = killpg(group, Signal::SIGKILL);
}

/// Runs a program to its end. `started` hears of its process group. What it prints is read, and the begin of it kept.
fn run(words: &[String], started: oneshot::Sender<Pid>) -> io::Result<(ExitStatus, Vec<u8>)> {
    let (mut reader, writer) = io::pipe()?;
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).process_group(0);
    let mut child = command.spawn()?;
    // It holds the pipe open.
    drop(command);
    if let Ok(group) = i32::try_from(child.id()) {
        if let Err(group) = started.send(Pid::from_raw(group)) {
            kill(group);
        }
    }
    let (send, output) = std::sync::mpsc::channel();
    std::thread::Builder::new().name("proxy-dns".into()).spawn(move || {
        let mut kept = Vec::new();
        let _ = reader.by_ref().take(MOST_OUTPUT).read_to_end(&mut kept);
        let _ = send.send(kept);
        let _ = io::copy(&mut reader, &mut io::sink());
    })?;
    let status = child.wait()?;
    Ok((status, output.recv_timeout(OUTPUT_PATIENCE).unwrap_or_default()))
}

/// The message about a program that failed: how it ended, and the last line that it printed.
fn failure(program: &str, status: ExitStatus, output: &[u8]) -> String {
    let output = String::from_utf8_lossy(output);
    let last = output.lines().map(str::trim).rfind(|line| !line.is_empty());
    let said = last.map(|line| format!(": {line}")).unwrap_or_default();
    match status.signal() {
        Some(signal) => format!("{program} was ended by signal {signal}{said}"),
        None => format!("{program} ended with status {}{said}", status.code().unwrap_or(-1)),
    }
}

/// Whether this names a file that can be run.
fn is_program(program: &str) -> bool {
    let can_run =
        |path: &Path| path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0);
    if program.contains('/') {
        return can_run(Path::new(program));
    }
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| can_run(&folder.join(program))))
}

#[cfg(test)]
mod tests;
