//! Programs that are started, watched, killed without warning and started again.
//!
//! Nothing here sleeps: whoever waits for a line or for the end is woken by it. A harness ends its
//! own child when it is dropped, by its own handle; it never looks for processes by name. If the
//! test itself is killed its child is left over, which only a process group or container around
//! the whole test run can prevent.

mod output;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use output::Output;

/// How long a program may take to say that it is ready. A debug build on a busy machine takes
/// seconds; a minute means it hangs.
const READY_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    #[error("start {program}: {cause}")]
    Start { program: String, cause: std::io::Error },
    /// It ended, or closed its output, before the line came. The output is all it said.
    #[error("{program} ended before saying {awaited:?}; it said:\n{output}")]
    EndedEarly { program: String, awaited: String, output: String },
    #[error("{program} did not say {awaited:?} in {seconds} s; it said:\n{output}")]
    Silent { program: String, awaited: String, seconds: u64, output: String },
    #[error("{program} is not running")]
    NotRunning { program: String },
    #[error("{doing} {program}: {cause}")]
    Signal { doing: &'static str, program: String, cause: std::io::Error },
}

/// A program with its arguments, and the run of it that is going on, if one is.
#[derive(Debug)]
pub struct ProcessHarness {
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    ready_text: Option<String>,
    ready_timeout: Duration,
    running: Option<Running>,
    starts: u32,
}

#[derive(Debug)]
struct Running {
    child: Child,
    output: Output,
    ready_line: Option<String>,
}

impl ProcessHarness {
    /// `program` is a path, usually `env!("CARGO_BIN_EXE_…")`.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            ready_text: None,
            ready_timeout: READY_TIMEOUT,
            running: None,
            starts: 0,
        }
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Adds to the environment, which is otherwise inherited.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// The program is ready when a line of its output, standard or error, contains this.
    pub fn ready_when_it_says(mut self, text: impl Into<String>) -> Self {
        self.ready_text = Some(text.into());
        self
    }

    pub fn ready_timeout(mut self, timeout: Duration) -> Self {
        self.ready_timeout = timeout;
        self
    }

    /// Starts the program and waits until it is ready. A run that is still going on is killed
    /// first. Returns the line that said so, or an empty one if none is awaited.
    pub fn start(&mut self) -> Result<String, ProcessError> {
        self.kill()?;
        let mut child = self
            .command()
            .spawn()
            .map_err(|cause| ProcessError::Start { program: self.name(), cause })?;
        self.starts += 1;
        let output = Output::of(&mut child);
        self.running = Some(Running { child, output, ready_line: None });
        let Some(text) = self.ready_text.clone() else { return Ok(String::new()) };
        match self.wait_for(&text, self.ready_timeout) {
            Ok(line) => {
                if let Some(running) = &mut self.running {
                    running.ready_line = Some(line.clone());
                }
                Ok(line)
            }
            Err(error) => {
                self.kill()?;
                Err(error)
            }
        }
    }

    /// Kills the program without warning and starts it again.
    pub fn restart(&mut self) -> Result<String, ProcessError> {
        self.start()
    }

    /// SIGKILL: no handler runs, no buffer is flushed. Returns how it ended, or `None` if nothing
    /// was running.
    pub fn kill(&mut self) -> Result<Option<ExitStatus>, ProcessError> {
        let Some(mut running) = self.running.take() else { return Ok(None) };
        // An error means it had ended by itself; waiting tells how.
        let _ = running.child.kill();
        running.child.wait().map(Some).map_err(|cause| self.signal_failed("wait for", cause))
    }

    /// SIGTERM, then waits for the program to end by itself. The output stays readable through
    /// the answer.
    #[cfg(unix)]
    pub fn terminate(&mut self) -> Result<Ended, ProcessError> {
        let running = self.running.as_ref().ok_or_else(|| self.not_running())?;
        let pid = rustix::process::Pid::from_child(&running.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)
            .map_err(|errno| self.signal_failed("terminate", errno.into()))?;
        self.wait()
    }

    /// Waits for the program to end by itself.
    pub fn wait(&mut self) -> Result<Ended, ProcessError> {
        let mut running = self.running.take().ok_or_else(|| self.not_running())?;
        let status = running.child.wait().map_err(|cause| self.signal_failed("wait for", cause))?;
        running.output.wait_for_end(self.ready_timeout);
        Ok(Ended { status, stdout: running.output.stdout(), stderr: running.output.stderr() })
    }

    /// The first line of this run, standard or error output, that contains the text; waits for it
    /// if it has not been said yet.
    pub fn wait_for(&self, text: &str, timeout: Duration) -> Result<String, ProcessError> {
        let running = self.running.as_ref().ok_or_else(|| self.not_running())?;
        let (program, awaited) = (self.name(), text.to_owned());
        match running.output.wait_for(text, timeout) {
            output::Found::Line(line) => Ok(line),
            output::Found::Ended => {
                Err(ProcessError::EndedEarly { program, awaited, output: running.output.all() })
            }
            output::Found::Silent => Err(ProcessError::Silent {
                program,
                awaited,
                seconds: timeout.as_secs(),
                output: running.output.all(),
            }),
        }
    }

    /// The line with which this run said that it is ready.
    pub fn ready_line(&self) -> Option<&str> {
        self.running.as_ref()?.ready_line.as_deref()
    }

    pub fn pid(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.child.id())
    }

    /// How often the program was started.
    pub fn starts(&self) -> u32 {
        self.starts
    }

    /// What this run has said on standard output so far.
    pub fn stdout(&self) -> Vec<String> {
        self.running.as_ref().map(|running| running.output.stdout()).unwrap_or_default()
    }

    /// What this run has said on standard error so far.
    pub fn stderr(&self) -> Vec<String> {
        self.running.as_ref().map(|running| running.output.stderr()).unwrap_or_default()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn name(&self) -> String {
        self.program.file_name().unwrap_or(self.program.as_os_str()).to_string_lossy().into_owned()
    }

    fn not_running(&self) -> ProcessError {
        ProcessError::NotRunning { program: self.name() }
    }

    fn signal_failed(&self, doing: &'static str, cause: std::io::Error) -> ProcessError {
        ProcessError::Signal { doing, program: self.name(), cause }
    }
}

impl Drop for ProcessHarness {
    fn drop(&mut self) {
        // Nothing can be done about a failure here, and a test that ended must not hang.
        let _ = self.kill();
    }
}

/// A run that ended by itself.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: Vec<String>,
    pub stderr: Vec<String>,
}
