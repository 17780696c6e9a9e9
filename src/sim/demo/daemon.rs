//! The daemon as a process of its own, so that it can be killed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A running daemon. Killed when dropped.
pub(super) struct Daemon {
    child: Child,
}

/// Which executable plays the daemon, and with which arguments first.
pub(super) struct Role {
    program: PathBuf,
    first: Vec<&'static str>,
}

impl Role {
    /// `shroff` when it stands beside this executable and is as new; otherwise this executable in the daemon's role,
    /// through the same library entry.
    pub(super) fn find() -> std::io::Result<Self> {
        let me = std::env::current_exe()?;
        let beside = me.with_file_name("shroff");
        let age = |path: &Path| path.metadata().and_then(|meta| meta.modified()).ok();
        if age(&beside).zip(age(&me)).is_some_and(|(theirs, mine)| theirs >= mine) {
            return Ok(Self { program: beside, first: Vec::new() });
        }
        Ok(Self { program: me, first: vec!["daemon"] })
    }

    /// What it is, for people.
    pub(super) fn words(&self) -> &'static str {
        if self.first.is_empty() { "shroff serve" } else { "shroff-sim in the role of shroff serve" }
    }

    /// Runs another command of it to its end, as somebody at the terminal would.
    pub(super) fn run(&self, config: &Path, args: &[&str]) -> std::io::Result<Output> {
        let mut command = Command::new(&self.program);
        command.args(&self.first).args(args).arg("--config").arg(config);
        command.env_remove("NOTIFY_SOCKET").env("NO_COLOR", "1").stdin(Stdio::null()).output()
    }

    /// Starts it; its log goes to the end of `log`.
    pub(super) fn start(&self, config: &Path, log: &Path) -> std::io::Result<Daemon> {
        let log = File::options().append(true).create(true).open(log)?;
        let child = Command::new(&self.program)
            .args(&self.first)
            .arg("serve")
            .arg("--config")
            .arg(config)
            .env_remove("NOTIFY_SOCKET")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        Ok(Daemon { child })
    }
}

impl Role {
    /// What another command of the product prints, run beside the daemon with its configuration.
    pub(super) fn says(&self, command: &str, config: &Path) -> std::io::Result<String> {
        let mut asked = Command::new(&self.program);
        let asked = asked.args(&self.first).arg(command).arg("--config").arg(config).stderr(Stdio::null()).output()?;
        Ok(String::from_utf8_lossy(&asked.stdout).trim().to_owned())
    }
}

impl Daemon {
    /// Ends it as a power cut would: SIGKILL.
    pub(super) fn kill(&mut self) -> std::io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(|_| ())
    }

    /// Whether it still runs.
    pub(super) fn lives(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may be gone already.
        drop(self.kill());
    }
}
