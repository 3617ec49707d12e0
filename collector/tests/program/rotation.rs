//! One authority in the place of another, under connected agents: none enrols again and none is refused, but for
//! the one that stays away until it is over.

use std::os::unix::fs::PermissionsExt as _;

use protocol::authorities;
use protocol::message::{AgentMessage, Capabilities, CollectorMessage, Hello, Presence};
use protocol::reject::RejectReason;
use protocol::way::{Path, Way};
use rcgen::CertificateParams;
use rustls_pki_types::CertificateDer;

use super::agent::{Agent, Stream, hello, record, report};
use super::cluster::Node;
use super::process::{PROGRAM, command, data_dir, failure, print};
use super::world::World;

/// Agents of which a run consists; `scripts/rotate.sh` has more.
const AGENTS: usize = 200;
/// Of them, as many know nothing of authorities that change, as those of the release before.
const OLD: usize = 10;

/// How many agents come.
fn agents() -> usize {
    #[expect(clippy::disallowed_methods, reason = "a longer run of the same test")]
    let wanted = std::env::var("MUSTER_TEST_ROTATION_AGENTS");
    wanted.map_or(AGENTS, |wanted| wanted.parse().unwrap())
}

/// A host with its connection.
struct Host {
    agent: Agent,
    stream: Stream,
}

impl Host {
    /// Comes as an agent of this release does, and is welcomed.
    async fn comes(agent: Agent) -> Self {
        let (way, number) = (Path { way: Way::Quic, not_quic: None }, trusted(&agent));
        let presence = Presence { path: way, process: 1 };
        let extension = Hello::extension_with(presence, number);
        let stream = greet(&agent, Hello { extension, ..hello() }).await;
        Self { agent, stream }
    }

    /// Hears whom to trust, and whether to renew.
    async fn told(&mut self) -> (usize, bool) {
        let answer = self.stream.answer().await;
        let CollectorMessage::Authorities { roots, renew_within_s } = answer else {
            panic!("{answer:?}");
        };
        let count = roots.len();
        self.agent.trust(roots);
        (count, renew_within_s.is_some())
    }

    /// Renews its certificate, and comes with the new one.
    async fn renewed(mut self) -> Self {
        let csr = CertificateParams::default().serialize_request(self.agent.key()).unwrap();
        self.stream.say(&AgentMessage::Renew { csr: csr.der().to_vec() }).await;
        let answer = self.stream.answer().await;
        let CollectorMessage::Certificate { chain } = answer else { panic!("{answer:?}") };
        self.agent.present(chain.into_iter().map(CertificateDer::from).collect());
        Self::comes(self.agent).await
    }
}

fn trusted(agent: &Agent) -> u64 {
    authorities::number(agent.roots().iter().map(AsRef::as_ref))
}

async fn greet(agent: &Agent, hello: Hello) -> Stream {
    let mut stream = agent.connect().await.unwrap();
    stream.say(&AgentMessage::Hello(hello)).await;
    let answer = stream.answer().await;
    assert!(matches!(answer, CollectorMessage::Welcome(_)), "{answer:?}");
    stream
}

/// Comes as an agent of the release before does.
async fn comes_as_before(agent: &Agent) -> Stream {
    let capabilities = hello().capabilities.without(Capabilities::AUTHORITIES);
    greet(agent, Hello { capabilities, ..hello() }).await
}

async fn all_told(hosts: &mut [Host], wanted: (usize, bool)) {
    for host in hosts {
        assert_eq!(host.told().await, wanted);
    }
}

fn step(world: &World, words: &[&str]) {
    print(world.dir.path(), &world.database, &[&["authority", "rotate"], words].concat());
}

/// Why a step is not taken.
fn refused(world: &World, words: &[&str]) -> String {
    let mut command = std::process::Command::new(PROGRAM);
    command.args(["authority", "rotate"]).args(words).arg("--data-dir").arg(world.dir.path());
    command.env("DATABASE_URL", world.database.url());
    let (code, said) = failure(&mut command);
    assert_eq!(code, Some(1), "{said}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn no_agent_enrols_again_when_another_authority_takes_the_place_of_the_first() {
    let world = World::with(|command| {
        command
            .env("MUSTER_INGEST_ENROLMENTS_PER_MINUTE", "100000")
            .env("MUSTER_INGEST_COMPANY_REQUESTS_PER_MINUTE", "100000")
            .env("MUSTER_INGEST_RENEW_WITHIN_S", "1");
    })
    .await;
    let count = agents();
    let token = world.token(&["--uses", &(count + 10).to_string()]);
    let enrol = async || Agent::enrol(world.dir.path(), &token).await.unwrap();
    let mut hosts = Vec::new();
    for _ in OLD..count {
        hosts.push(Host::comes(enrol().await).await);
    }
    let mut old = Vec::new();
    for _ in 0..OLD {
        let agent = enrol().await;
        old.push((comes_as_before(&agent).await, agent));
    }
    // One comes back in the middle, one when it is over.
    let (sleeper, late) = (enrol().await, enrol().await);

    assert!(refused(&world, &["activate"]).contains("nothing is prepared"));
    step(&world, &["prepare"]);
    assert!(refused(&world, &["prepare"]).contains("prepared already"));
    all_told(&mut hosts, (2, false)).await;

    step(&world, &["activate"]);
    all_told(&mut hosts, (2, true)).await;
    let mut over = Vec::new();
    for host in hosts {
        over.push(host.renewed().await);
    }
    // They trust the old authority alone, and meet a collector that the new one vouches for.
    for (stream, agent) in &mut old {
        *stream = comes_as_before(agent).await;
    }
    let mut sleeper = Host::comes(sleeper).await;
    assert_eq!(sleeper.told().await, (2, true));
    over.push(sleeper.renewed().await);
    // A host with a token of before, which names the old authority, is given both.
    let mut newcomer = Host::comes(enrol().await).await;
    assert_eq!(newcomer.told().await, (2, false));
    // That it trusts both is known when it says so.
    over.push(Host::comes(newcomer.agent).await);

    let why = refused(&world, &["retire"]);
    assert!(why.contains(&format!("{} agents still have", OLD + 1)), "{why}");
    // Upgraded, they are told at their greeting.
    for (_, agent) in old {
        let mut host = Host::comes(agent).await;
        assert_eq!(host.told().await, (2, true));
        over.push(host.renewed().await);
    }
    let why = refused(&world, &["retire"]);
    assert!(why.contains("1 agents still have"), "{why}");
    // It is there all the time, and cannot be told to come over.
    let mut held = comes_as_before(&late).await;
    step(&world, &["retire", "--leave-behind"]);
    all_told(&mut over, (1, false)).await;
    let (reason, detail) = held.no().await;
    assert_eq!(reason, RejectReason::AgentRevoked, "{detail}");

    // Everybody is still connected, and what they report is taken.
    for host in &mut over {
        host.stream.deliver(report(1, 1, vec![record("still-here")])).await;
    }
    let mut stream = late.connect().await.unwrap();
    stream.say(&AgentMessage::Hello(hello())).await;
    let (reason, detail) = stream.no().await;
    assert_eq!(reason, RejectReason::AgentRevoked);
    assert!(detail.contains("retired: enrol this host again"), "{detail}");
    for host in over {
        Host::comes(host.agent).await;
    }
    let metrics = world.collector.get("/metrics");
    let line = format!("muster_ingest_enrolments_total{{outcome=\"granted\"}} {}", count + 3);
    assert!(metrics.contains(&line), "{metrics}");
    let refused = "muster_ingest_sessions_ended_total{reason=\"agent_revoked\"} 2";
    assert!(metrics.contains(refused), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_given_no_new_files_ends_with_the_old_authority_and_lets_nobody_in() {
    let world = World::new().await;
    let node = Node::join(&world);
    let agent = world.agent().await;
    step(&world, &["prepare"]);
    let why = refused(&world, &["activate"]);
    assert!(why.contains("cannot sign with"), "{why}");
    step(&world, &["activate", "--force"]);
    let why = refused(&world, &["retire", "--leave-behind"]);
    assert!(why.contains("still signs with"), "{why}");
    step(&world, &["retire", "--leave-behind", "--force"]);

    let (status, said) = node.collector.wait();
    assert_ne!(status.code(), Some(0), "{said}");
    assert!(said.contains("retired") && said.contains("authority"), "{said}");
    let mut again = command(node.dir.path(), Some(&world.database));
    let (code, said) = failure(&mut again);
    assert_eq!(code, Some(1));
    assert!(said.contains("the agents of this database trust"), "{said}");
    // The one that has the files goes on, and tells the agent.
    let mut stream = agent.connect().await.unwrap();
    stream.say(&AgentMessage::Hello(hello())).await;
    assert_eq!(stream.no().await.0, RejectReason::AgentRevoked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_what_secrets_are_sealed_with_does_not_start() {
    let world = World::new().await;
    step(&world, &["prepare"]);
    step(&world, &["activate"]);
    let shown = print(world.dir.path(), &world.database, &["authority", "show"]);
    let folder = world.dir.path().join("ca").join(shown["sha256"].as_str().unwrap());
    // The pair alone, where that of the first one lies elsewhere.
    let dir = data_dir();
    std::fs::create_dir(dir.path().join("ca")).unwrap();
    for file in ["ca.key", "ca.crt"] {
        std::fs::copy(folder.join(file), dir.path().join("ca").join(file)).unwrap();
    }
    let refusal = || {
        let (code, said) = failure(&mut command(dir.path(), Some(&world.database)));
        assert_eq!(code, Some(1));
        said
    };
    let said = refusal();
    assert!(said.contains("seal.key") && said.contains("copy the whole folder"), "{said}");
    // Another site's, and before anybody has noted which one is right.
    std::fs::write(dir.path().join("ca/seal.key"), "0".repeat(64)).unwrap();
    let key = dir.path().join("ca/seal.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(refusal().contains("seal.key"));
    std::fs::remove_file(key).unwrap();
    world.database.execute("UPDATE cluster SET seal_check = NULL").await;
    assert!(refusal().contains("seal.key"));
    // Where a rotation was while it was down, the whole folder is enough.
    let node = Node::join(&world);
    assert_eq!(node.collector.stop().0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_was_restored_from_before_a_rotation_goes_on_to_the_same_authority() {
    let world = World::new().await;
    step(&world, &["prepare"]);
    let show = || print(world.dir.path(), &world.database, &["authority", "show"]);
    let next = show()["next"].as_str().unwrap().to_owned();
    // As a backup of an hour ago has it.
    world.database.execute("UPDATE cluster SET next_sha256 = NULL").await;
    assert!(refused(&world, &["prepare", "--existing", &"0".repeat(64)]).contains("0000"));
    assert!(refused(&world, &["prepare", "--existing", "0"]).contains("64 hexadecimal digits"));
    step(&world, &["prepare", "--existing", &next]);
    assert_eq!(show()["next"], next.as_str());
    step(&world, &["activate"]);
    assert_eq!(show()["sha256"], next.as_str());
}
