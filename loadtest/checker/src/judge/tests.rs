//! Hand-written schedules of two or three clients and a few messages, with the violations they must yield.

use super::*;

const DENSE: Member = Member { room: 0, dense: true, after: 0 };
const SPARSE: Member = Member { dense: false, ..DENSE };

/// A run in which every client is also a sender.
struct Case(Judge);

/// Runs a schedule and returns its violations in one line.
///
/// `o0` offers sender 0's next message, `a0.1=7` acks its message 1 with seq 7, `a0.1` without a seq, `r0.1`
/// refuses it for good, `s2:7=0.1` shows it to client 2 at seq 7, `s2:7=?` shows a foreign message there,
/// `s2:7=!` a damaged one.
fn judge(members: &[Member], schedule: &str) -> String {
    let mut case = Case(Judge::new(&["lobby".to_owned()], members));
    schedule.split_whitespace().for_each(|step| case.step(step));
    let verdict = case.0.finish();
    let kinds = [Kind::Lost, Kind::Doubled, Kind::Inverted, Kind::Disagreement, Kind::Ghost, Kind::Hole];
    let counted = kinds.iter().map(|kind| (format!("{kind:?}").to_lowercase(), verdict.count(*kind)));
    let mut found: Vec<_> =
        counted.filter(|(_, count)| 0 < *count).map(|(kind, count)| format!("{kind} {count}")).collect();
    found.extend((0 < verdict.unacked()).then(|| format!("unacked {}", verdict.unacked())));
    assert_eq!(verdict.examples.is_empty(), verdict.violations() == 0, "{:?}", verdict.examples);
    found.join(", ")
}

impl Case {
    fn step(&mut self, step: &str) {
        let (verb, rest) = step.split_at(1);
        let (what, value) = rest.split_once('=').map_or((rest, None), |(what, value)| (what, Some(value)));
        match verb {
            "o" => drop(self.0.offer(what.parse().unwrap())),
            "a" => self.0.ack(identity(what), value.map(|seq| seq.parse().unwrap())),
            "r" => self.0.refuse(identity(what)),
            "s" => {
                let (client, seq) = what.split_once(':').unwrap();
                let shown = match value.unwrap() {
                    "?" => Shown::Foreign,
                    "!" => Shown::Broken,
                    id => Shown::Ours(identity(id)),
                };
                self.0.show(client.parse().unwrap(), seq.parse().unwrap(), shown);
            }
            _ => panic!("{step}"),
        }
    }
}

fn identity(text: &str) -> Identity {
    let (sender, number) = text.split_once('.').unwrap();
    Identity { sender: sender.parse().unwrap(), number: number.parse().unwrap() }
}

#[test]
fn what_reaches_all_once_and_in_order_is_clean() {
    for schedule in [
        "o0 s0:1=0.0 a0.0=1 s1:1=0.0",
        "o0 a0.0=1 s0:1=0.0 s1:1=0.0",
        "o0 a0.0 s0:1=0.0 s1:1=0.0",
        "o0 o1 o0 a0.0=1 a1.0=2 a0.1=3 s0:1=0.0 s1:1=0.0 s1:2=1.0 s0:2=1.0 s0:3=0.1 s1:3=0.1",
        // A foreign message is in the order.
        "o0 s0:1=? s1:1=? s0:2=0.0 a0.0=2 s1:2=0.0",
        // A retry is acked again, with the same seq.
        "o0 a0.0=1 s0:1=0.0 s1:1=0.0 a0.0=1",
        // Refused for good, and not shown.
        "o0 r0.0",
        "",
    ] {
        assert_eq!(judge(&[DENSE, DENSE], schedule), "", "{schedule}");
    }
}

#[test]
fn an_acked_message_that_a_client_never_shows_is_lost() {
    for (schedule, found) in [
        ("o0 a0.0=1 s0:1=0.0", "lost 1"),
        ("o0 a0.0=1", "lost 2"),
        // Acked without a seq, and not shown.
        ("o0 a0.0", "lost 2"),
        ("o0 a0.0 s0:1=0.0", "lost 1"),
        // Skipped before and after the other client showed it.
        ("o0 o0 a0.0=1 a0.1=2 s1:2=0.1 s0:1=0.0 s0:2=0.1", "lost 1"),
        ("o0 o0 a0.0=1 a0.1=2 s0:1=0.0 s0:2=0.1 s1:2=0.1", "lost 1"),
    ] {
        for members in [[DENSE, DENSE], [SPARSE, SPARSE]] {
            assert_eq!(judge(&members, schedule), found, "{schedule}");
        }
    }
}

#[test]
fn a_message_that_is_shown_again_is_doubled() {
    for (schedule, found) in [
        ("o0 a0.0=1 s0:1=0.0 s1:1=0.0 s1:1=0.0", "doubled 1"),
        ("o0 o0 a0.0=1 a0.1=2 s0:1=0.0 s0:2=0.1 s1:1=0.0 s1:2=0.1 s1:1=0.0", "doubled 1"),
        // Stored twice, so both clients show it twice.
        ("o0 a0.0=1 s0:1=0.0 s1:1=0.0 s0:2=0.0 s1:2=0.0", "doubled 2"),
        ("o0 s0:1=? s1:1=? s1:1=? r0.0", "doubled 1"),
    ] {
        assert_eq!(judge(&[DENSE, DENSE], schedule), found, "{schedule}");
    }
}

#[test]
fn a_message_that_comes_after_a_later_one_is_inverted_and_not_lost() {
    let two = "o0 o0 a0.0=1 a0.1=2 s0:1=0.0 s0:2=0.1";
    assert_eq!(judge(&[DENSE, DENSE], &format!("{two} s1:2=0.1 s1:1=0.0")), "inverted 1");
    assert_eq!(judge(&[DENSE, DENSE], &format!("{two} s1:2=0.1 s1:1=0.0 s1:1=0.0")), "doubled 1, inverted 1");
    // All clients agree on an order that is not the sender's.
    let reordered = "o0 o0 a0.1=1 a0.0=2 s0:1=0.1 s0:2=0.0 s1:1=0.1 s1:2=0.0";
    assert_eq!(judge(&[DENSE, DENSE], reordered), "inverted 1");
}

#[test]
fn what_is_not_the_same_to_all_is_a_disagreement() {
    for (schedule, found) in [
        // Two messages at one seq, twice.
        ("o0 o1 s0:1=0.0 s0:2=1.0 s1:1=1.0 s1:2=0.0 a0.0=1 a1.0=2", "disagreement 2"),
        // An ack names another seq than the one shown, before and after.
        ("o0 s0:1=0.0 s1:1=0.0 a0.0=2", "disagreement 1"),
        ("o0 a0.0=2 s0:1=0.0 s1:1=0.0", "lost 2, disagreement 2"),
        ("o0 a0.0=1 s0:1=0.0 s1:1=0.0 a0.0=2", "disagreement 1"),
        // One client shows a message of the run where another shows a foreign one.
        ("o0 a0.0=1 s0:1=0.0 s1:1=?", "disagreement 1"),
    ] {
        assert_eq!(judge(&[DENSE, DENSE], schedule), found, "{schedule}");
    }
}

#[test]
fn an_unacked_message_is_shown_by_all_or_by_none() {
    for (schedule, found) in [
        ("o0", "unacked 1"),
        ("o0 s0:1=0.0 s1:1=0.0", "unacked 1"),
        ("o0 s0:1=0.0", "disagreement 1, unacked 1"),
        ("o0 o1 a1.0=2 s0:1=0.0 s0:2=1.0 s1:2=1.0", "disagreement 1, unacked 1"),
        ("o0 s0:1=0.0 s1:1=0.0 s1:1=0.0", "doubled 1, unacked 1"),
    ] {
        for members in [[DENSE, DENSE], [SPARSE, SPARSE]] {
            assert_eq!(judge(&members, schedule), found, "{schedule}");
        }
    }
}

#[test]
fn a_message_that_nobody_offered_or_that_was_refused_is_a_ghost() {
    for (schedule, found) in [
        ("s0:1=0.0 s1:1=0.0", "ghost 2"),
        ("s0:1=9.0 s1:1=9.0", "ghost 2"),
        ("o0 r0.0 s0:1=0.0 s1:1=0.0", "ghost 2"),
        ("o0 s0:1=0.0 s1:1=0.0 r0.0", "ghost 1"),
        ("s0:1=! s1:1=!", "ghost 2"),
    ] {
        let found_here = judge(&[DENSE, DENSE], schedule);
        assert_eq!(found_here, found, "{schedule}");
    }
}

#[test]
fn a_place_may_be_stepped_over_only_where_places_skip() {
    let schedule = "o0 a0.0=3 s0:1=? s0:3=0.0 s1:3=0.0";
    assert_eq!(judge(&[SPARSE, SPARSE], schedule), "");
    assert_eq!(judge(&[DENSE, SPARSE], schedule), "hole 1");
    assert_eq!(judge(&[DENSE, DENSE], schedule), "hole 3");
}

#[test]
fn a_client_answers_for_what_follows_its_first_place() {
    let late = Member { after: 1, ..DENSE };
    let schedule = "o0 o0 a0.0=1 a0.1=2 s0:1=0.0 s0:2=0.1";
    assert_eq!(judge(&[DENSE, late], &format!("{schedule} s1:2=0.1")), "");
    assert_eq!(judge(&[DENSE, late], schedule), "lost 1");
    assert_eq!(judge(&[DENSE, late], &format!("{schedule} s1:1=0.0 s1:2=0.1")), "doubled 1");
}

#[test]
fn rooms_have_sequences_of_their_own() {
    let members = [DENSE, Member { room: 1, ..DENSE }];
    let mut judge = Judge::new(&["a".to_owned(), "b".to_owned()], &members);
    for sender in [0, 1] {
        let id = judge.offer(sender);
        judge.ack(id, Some(1));
        assert!(!judge.is_complete());
        assert!(judge.show(sender as usize, 1, Shown::Ours(id)));
    }
    assert!(judge.is_complete());
    assert_eq!(judge.finish().violations(), 0);
}

#[test]
fn a_run_is_complete_when_nothing_is_outstanding() {
    let mut judge = Judge::new(&["lobby".to_owned()], &[SPARSE, DENSE]);
    assert!(judge.is_complete());
    let id = judge.offer(0);
    assert!(!judge.is_complete(), "it has no answer");
    judge.ack(id, None);
    assert!(!judge.is_complete(), "no client has shown it");
    assert!(judge.show(0, 1, Shown::Ours(id)));
    assert_eq!((judge.is_complete(), judge.behind()), (false, 1), "the other client has not shown it");
    assert!(judge.show(1, 1, Shown::Ours(id)));
    assert_eq!((judge.is_complete(), judge.behind()), (true, 0));
    let refused = judge.offer(0);
    judge.refuse(refused);
    assert!(judge.is_complete());
}
