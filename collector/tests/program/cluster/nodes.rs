//! Nodes that come, go, and do the same work together.

use protocol::ids::Position;
use store::test_support::FreshDatabase;

use super::super::agent::{record, report};
use super::super::process::{Collector, command, data_dir, failure, print};
use super::super::world::{World, set};
use super::{Node, share_authority};

#[tokio::test]
async fn a_node_that_would_make_an_authority_of_its_own_does_not_start() {
    let world = World::new().await;
    let dir = data_dir();
    let (code, said) = failure(&mut command(dir.path(), Some(&world.database)));
    assert_eq!(code, Some(1));
    assert!(said.contains("copy the whole folder of another node"), "{said}");
    let shown = print(world.dir.path(), &world.database, &["authority", "show"]);
    assert!(said.contains(shown["sha256"].as_str().unwrap()), "{said}");
    // It did not make one in passing, either.
    assert!(!dir.path().join("ca").exists());
    share_authority(world.dir.path(), dir.path());
    let node = Collector::start(command(dir.path(), Some(&world.database)));
    assert_eq!(node.stop().0.code(), Some(0));
}

#[tokio::test]
async fn a_database_whose_authority_was_forgotten_takes_a_new_one() {
    let (old, new, database) = (data_dir(), data_dir(), FreshDatabase::create().await);
    Collector::start(command(old.path(), Some(&database))).stop();
    print(old.path(), &database, &["authority", "forget"]);
    Collector::start(command(new.path(), Some(&database))).stop();
    // And now the first one is the stranger.
    let (code, said) = failure(&mut command(old.path(), Some(&database)));
    assert_eq!(code, Some(1));
    assert!(said.contains("and the agents of this database trust"), "{said}");
}

#[tokio::test]
async fn an_agent_goes_from_node_to_node_in_the_middle_of_an_epoch() {
    let world = World::new().await;
    let second = Node::join(&world);
    let mut agent = world.agent().await;
    let first = agent.address();
    let mut names = vec!["p1".to_owned()];
    let mut stream = agent.welcomed(Position::default()).await;
    stream.deliver(report(1, 1, vec![record("p1")])).await;
    // Each report through another node than the one before, without waiting for it to be stored: the
    // later one may be first in the database, and waits there for the earlier one.
    for seq in 2..=12 {
        if seq % 2 == 0 {
            second.take(&mut agent);
        } else {
            agent.moved_to(first);
        }
        let mut stream = agent.welcomed(Position::new(1, seq - 1)).await;
        let name = format!("p{seq}");
        stream.deliver(report(1, seq, vec![record(&name)])).await;
        names.push(name);
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(world.stored(&agent, Position::new(1, 12)).await, set(&names));
}

#[tokio::test]
async fn a_job_is_done_once_however_many_nodes_look_for_it() {
    let world = World::new().await;
    let _nodes = [Node::join(&world), Node::join(&world)];
    // As three schedulers ask for it at the same tick: the second and third find the row there.
    let ask = "INSERT INTO jobs (kind, tick, run_after, created_at)
               SELECT 'tidy', 'tick ' || n, now(), now() FROM generate_series(1, 60) n
               ON CONFLICT (kind, tick) DO NOTHING";
    for _ in 0..3 {
        world.database.execute(ask).await;
    }
    world.database.execute("SELECT pg_notify('muster_jobs', '')").await;
    let count = async |which: &str| {
        let sql = format!("SELECT count(*) FROM jobs WHERE tick LIKE 'tick %' AND {which}");
        world.database.number(&sql).await
    };
    world.until("all jobs are done", async || count("state = 'done'").await == 60).await;
    assert_eq!(count("attempts = 1").await, 60);
}

#[tokio::test]
async fn nodes_are_known_while_they_live_and_no_longer() {
    let world = World::new().await;
    let second = Node::join(&world);
    let alive = async || {
        let nodes = store::nodes::list(world.database.store()).await.unwrap();
        nodes.iter().filter(|node| node.is_alive).count()
    };
    world.until("both are known", async || alive().await == 2).await;
    let talkative = async || {
        let nodes = store::nodes::list(world.database.store()).await.unwrap();
        let said = nodes.iter().filter_map(|node| node.said.as_ref());
        said.filter(|said| said["queue_bytes_max"].as_u64() > Some(0)).count()
    };
    world.until("both say what waits there", async || talkative().await == 2).await;
    // With nothing in its queue it takes leave.
    second.collector.stop();
    assert_eq!(alive().await, 1);
}

#[tokio::test]
async fn a_rolling_restart_under_load_loses_nothing() {
    let world = World::new().await;
    let mut nodes = [Node::join(&world), Node::join(&world), Node::join(&world)];
    let mut agent = world.agent().await;
    let mut position = Position::new(1, 1);
    let mut names = vec!["p1".to_owned()];
    nodes[0].take(&mut agent);
    let mut stream = agent.welcomed(Position::default()).await;
    stream.deliver(report(1, 1, vec![record("p1")])).await;
    for number in 0..6 {
        // A burst whose last report was acknowledged a moment before the stop.
        for _ in 0..20 {
            let seq = position.seq.0 + 1;
            let name = format!("p{seq}");
            stream.deliver(report(1, seq, vec![record(&name)])).await;
            position = Position::new(1, seq);
            names.push(name);
        }
        let said = nodes[number % 3].restart(&world);
        assert!(said.contains("drained the queue"), "{said}");
        nodes[(number + 1) % 3].take(&mut agent);
        stream = agent.welcomed(position).await;
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(world.stored(&agent, position).await, set(&names));
}
