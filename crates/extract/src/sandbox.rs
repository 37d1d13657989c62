//! What the child gives up before it looks at the first byte.
//!
//! Three walls, each enough against most of what can go wrong:
//!
//! 1. **Resource limits**: address space, processor time, no files written, no core dump.
//! 2. **Landlock**: no path of the file system can be opened any more; no TCP; no signal to a process
//!    outside.
//! 3. **seccomp**: only the system calls that computing, reading standard input and writing standard
//!    output need. Anything else (sockets, opening files, new processes, tracing, signals to
//!    others) fails with EPERM.
//!
//! A kernel without Landlock or seccomp still gets the other walls; the child says which stood, and
//! the parent logs it when one is missing.

use std::{
    collections::BTreeMap,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope,
};
use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

/// What the child may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    pub(crate) memory_bytes: u64,
    pub(crate) cpu_seconds: u64,
    /// Processor time after which nobody waits for it any more, in milliseconds; less than the above.
    pub(crate) glance_ms: Option<u64>,
    /// Only what nobody else on the machine wants.
    pub(crate) giving_way: bool,
}

/// Walls 1 and 2. Threads that are started afterwards are inside as well.
pub(crate) fn enter(allowance: Allowance) -> anyhow::Result<Vec<&'static str>> {
    limit(allowance)?;
    let mut missing = Vec::new();
    match landlock(&[]) {
        Ok(RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced) => {}
        Ok(RulesetStatus::NotEnforced) | Err(_) => missing.push("landlock"),
    }
    Ok(missing)
}

fn limit(allowance: Allowance) -> anyhow::Result<()> {
    // Whoever waits for it may be killed while it stands still. It is the thread that counts: children are started
    // on those of the runtime, which last as long as it does.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // When memory runs out, it is the child that the kernel ends, not its parent.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    let limit = |n: u64| Rlimit { current: Some(n), maximum: Some(n) };
    setrlimit(Resource::As, limit(allowance.memory_bytes))?;
    // The soft limit's signal tells the parent what happened; the hard one cannot be missed.
    let cpu = Rlimit { current: Some(allowance.cpu_seconds), maximum: Some(allowance.cpu_seconds + 1) };
    setrlimit(Resource::Cpu, cpu)?;
    setrlimit(Resource::Fsize, limit(0))?;
    setrlimit(Resource::Core, limit(0))?;
    if allowance.giving_way {
        give_way()?;
    }
    if let Some(milliseconds) = allowance.glance_ms {
        end_after(milliseconds)?;
    }
    Ok(())
}

/// Runs only while nothing else on the machine wants to, and stops in the middle of its turn when something
/// does. The lowest priority of the usual kind would finish its turn first, some milliseconds each time.
#[allow(unsafe_code, reason = "the kinds of scheduling have no safe form")]
fn give_way() -> std::io::Result<()> {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: the kernel only reads the structure, which outlives the call.
    match unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &parameters) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// Lets the kernel end this process with SIGPROF after so much processor time. Resource limits count in
/// whole seconds.
#[allow(unsafe_code, reason = "timers of processor time have no safe form")]
fn end_after(milliseconds: u64) -> std::io::Result<()> {
    let part = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let never = libc::timeval { tv_sec: 0, tv_usec: 0 };
    let then = libc::timeval { tv_sec: part(milliseconds / 1000), tv_usec: part(milliseconds % 1000 * 1000) };
    let timer = libc::itimerval { it_interval: never, it_value: then };
    // SAFETY: the kernel only reads the structure, which outlives the call; the old timer is not asked for.
    match unsafe { libc::setitimer(libc::ITIMER_PROF, &timer, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// Becomes a program of the system's that reads standard input, behind the same walls as far as it can
/// live with them: it may read and run what is installed (not the files of people), and it may do
/// everything but what [`forbidden`] names. Only returns when that fails.
pub(crate) fn turn_into(program: &Path, languages: &str, allowance: Allowance) -> anyhow::Error {
    let prepared = || -> anyhow::Result<()> {
        limit(allowance)?;
        let mut readable: Vec<PathBuf> = ["/usr", "/lib", "/lib64", "/etc/ld.so.cache"].map(PathBuf::from).into();
        readable.extend(program.parent().map(Path::to_owned));
        readable.extend(std::env::var_os("TESSDATA_PREFIX").map(PathBuf::from));
        landlock(&readable)?;
        setrlimit(Resource::Nproc, Rlimit { current: Some(0), maximum: Some(0) })?;
        let arch: TargetArch = std::env::consts::ARCH.try_into()?;
        let filter =
            SeccompFilter::new(forbidden()?, SeccompAction::Allow, SeccompAction::Errno(libc::EPERM as u32), arch)?;
        seccompiler::apply_filter_all_threads(&BpfProgram::try_from(no_clone3(arch)?)?)?;
        seccompiler::apply_filter_all_threads(&BpfProgram::try_from(filter)?)?;
        Ok(())
    };
    if let Err(error) = prepared() {
        return error;
    }
    // Exec replaces this process, so it starts none.
    let error = std::process::Command::new(program).args(["stdin", "stdout", "-l", languages]).exec();
    anyhow::anyhow!("{} cannot be started: {error}", program.display())
}

/// Network, other processes, and the kernel's more adventurous parts.
fn forbidden() -> anyhow::Result<BTreeMap<i64, Vec<SeccompRule>>> {
    let never = [
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_kill,
        libc::SYS_tkill,
        libc::SYS_pidfd_open,
        libc::SYS_pidfd_send_signal,
        libc::SYS_pidfd_getfd,
        libc::SYS_io_uring_setup,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_open_by_handle_at,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_fork,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_vfork,
    ];
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = never.into_iter().map(|call| (call, vec![])).collect();
    let thread = libc::CLONE_THREAD as u64;
    let is_process = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(thread), 0)?;
    rules.insert(libc::SYS_clone, vec![SeccompRule::new(vec![is_process])?]);
    Ok(rules)
}

fn landlock(readable: &[PathBuf]) -> anyhow::Result<RulesetStatus> {
    let abi = ABI::V6;
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?
        .no_new_privs(true);
    for path in readable {
        // What is not there needs no rule.
        if let Ok(opened) = PathFd::new(path) {
            ruleset = ruleset.add_rule(PathBeneath::new(opened, AccessFs::from_read(abi)))?;
        }
    }
    Ok(ruleset.restrict_self()?.ruleset)
}

/// Wall 3, for all threads of the process.
pub(crate) fn seal() -> anyhow::Result<()> {
    // Only now: a thread counts as a process, and this runs on the last one that is needed.
    setrlimit(Resource::Nproc, Rlimit { current: Some(0), maximum: Some(0) })?;
    let arch: TargetArch = std::env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(allowed()?, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow, arch)?;
    for filter in [no_clone3(arch)?, filter] {
        seccompiler::apply_filter_all_threads(&BpfProgram::try_from(filter)?)?;
    }
    Ok(())
}

/// glibc starts threads by clone3, whose arguments a filter cannot see, and falls back to clone when
/// clone3 does not exist. So that is what it is told.
fn no_clone3(arch: TargetArch) -> anyhow::Result<SeccompFilter> {
    let clone3: BTreeMap<i64, Vec<SeccompRule>> = [(libc::SYS_clone3, vec![])].into();
    Ok(SeccompFilter::new(clone3, SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32), arch)?)
}

/// Tries a system call, for probes: the standard library has none of those that matter most.
#[allow(unsafe_code, reason = "the calls that must be impossible have no safe form")]
pub(crate) fn attempt(call: libc::c_long, arguments: [libc::c_long; 3]) -> std::io::Result<()> {
    let [a, b, c] = arguments;
    // SAFETY: no argument is an address that the kernel could write to; a null path or structure is
    // refused by the kernel before anything else happens.
    match unsafe { libc::syscall(call, a, b, c, 0) } {
        -1 => Err(std::io::Error::last_os_error()),
        _ => Ok(()),
    }
}

fn allowed() -> anyhow::Result<BTreeMap<i64, Vec<SeccompRule>>> {
    let always = [
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_pread64,
        libc::SYS_lseek,
        libc::SYS_fstat,
        libc::SYS_close,
        libc::SYS_brk,
        libc::SYS_mmap,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_mprotect,
        libc::SYS_madvise,
        libc::SYS_futex,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_set_robust_list,
        libc::SYS_rseq,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_getrandom,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_restart_syscall,
        libc::SYS_clone3,
        // The second filter is applied after the first.
        libc::SYS_seccomp,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = always.into_iter().map(|call| (call, vec![])).collect();
    let thread = libc::CLONE_THREAD as u64;
    let is_thread = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(thread), thread)?;
    rules.insert(libc::SYS_clone, vec![SeccompRule::new(vec![is_thread])?]);
    // Aborting is a signal to oneself, and to nobody else.
    let own = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, u64::from(std::process::id()))?;
    let abort = SeccompCondition::new(2, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, libc::SIGABRT as u64)?;
    rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![own, abort])?]);
    Ok(rules)
}
