#!/usr/bin/env python3
"""Random model of ranges that split, move, merge and die, and of commits that look at several of them, with a checker.

One history = one seed: 3 to 5 stores, a keyspace of few keys in ranges that are Raft groups with logs, terms and votes, one discrete-event
simulation in integer microseconds. Every rule of the protocol is a switch (RULES).

  python3 range_model.py --histories 20000           full protocol: no history may be rejected
  python3 range_model.py --without split_latch       one rule less (repeatable)
  python3 range_model.py --histories 400 --table     each rule in turn, a Markdown table
  python3 range_model.py --histories 2000 --seed 100001   the same with more merges, longer leases and rolled back changes;
                                                     200001: leases, 300001: lag, 400001: merges, 500001: slow
  python3 range_model.py --brief                     the test: 0 for the full protocol, > 0 for each rule at its seeds
  python3 range_model.py --histories 1 --seed 77 --show

Modelled: elections and votes per group, logs that are cut, snapshots, applies that lag, a log per store that outlives the
engine's state (a crash loses what was not flushed, and replays it), splits with latch and pending id, replicas that are
born by log, by snapshot or by message, moves by learner and joint consensus, orphans, a mirror that lags, merges, reads and commits over
several ranges at one timestamp, the catalog lease. A lease of a leader is taken for granted (lease_model.py), the metadata range is one
object that is asked by messages (and by stale replicas), the clock is an oracle, disks write at once, a log travels whole.

Checked: one leader per term and group, one committed history per group, replicas equal at equal indexes; no two replicas of one store
hold one key; every read saw the newest version at or below its ts, every commit's reads are current at its ct, what was
acknowledged is there, timestamps rise per key; nobody who is a member was destroyed; and when the faults have ended every key has a leader
that serves it, the mirror equals the ranges and nothing is left of what is no member ("stuck: ...").

Reading order: RULES, Replica.apply_split, Store.recover, Store.flush, Store.birth, Meta, serve_commit, World.run.
"""
import collections
import heapq
import random

from histories import Violation, main

RULES = {
    'split_conditional': 'a split counts only at the epoch for which its id was allocated, looked at again when proposed and applied',
    'latch_writes': 'writes to the right half wait from the proposal of a split to its apply',
    'reads_wait': 'reads wait for what was committed when they had their timestamp: a split among it sends them away',
    'unborn_kept': 'a log of a range that no manifest names is kept: its votes and entries are promises',
    'one_edit': 'the flush of the left beyond a split and the birth of the right are one manifest edit',
    'right_later': 'a right side that is inherited begins one term beyond its entry on every replica, so nobody else can stand in that term',
    'heir_term': 'it is inherited by who leads the left in the term of that entry when it applies it, and by nobody else',
    'edit_before_drop': 'before that edit the left is neither dropped nor replaced',
    'own_entry': 'who was elected serves once an entry of its own term is applied; who inherits serves at once, for nothing else can be committed',
    'birth_overlap': 'no birth by message while a replica here holds those keys',
    'empty_covers': 'or was made for them and is empty as yet',
    'snapshot_beside': 'no snapshot is taken whose keys another replica here holds',
    'snapshot_within': 'nor one with more keys than the metadata range gave for an empty replica',
    'carve_first': 'the mirror of a left shrinks only to what its rights have carved off',
    'carve_end': 'a right is carved only off the end of the record that holds it',
    'pending_gone': 'a pending split goes when its left is mirrored at a later epoch',
    'orphan_proof': 'an orphan is destroyed on the word of the leader of the metadata range, not of any replica',
    'orphan_pending': 'a range that is pending is not one that does not exist',
    'orphan_next_id': 'a replica id that the mirror has not allotted yet proves nothing',
    'birth_applied': 'nobody is made for a change that the sender of the message has not applied',
    'birth_node': 'a member is an id on a node: who asks late may find that id on another one',
    'joint': 'voters change through a joint configuration',
    'one_change': 'one change at a time, none beside a split',
    'birth_proof': 'a destroyed replica is not born again: the metadata range is asked before every birth by message',
    'new_replica_id': 'who comes back comes under a new replica id',
    'epoch_check': 'requests name range and epoch, looked at in the step that serves',
    'epoch_after_wait': 'and not only when they arrive',
    'leader_floor': 'a new leader takes its floor from the clock once its own term is applied',
    'refresh_others': 'what was read in other ranges is looked at again at the commit timestamp',
    'refresh_floor': 'and the look raises the floor there',
    'refresh_waits': 'and waits for writes in flight there',
    'refresh_at_ct': 'not at the timestamp of the reads',
    'hold_in_flight': 'meanwhile its writes are in flight: readers above ct, and writers of those keys, wait',
    'hold_bound': 'and nobody else takes a timestamp below it in the range (high, and the floor for what it has read)',
    'hold_term': 'it goes with the leadership',
    'hold_epoch': 'and with the bounds',
    'hold_latch': 'and with the latch of a split or merge that was proposed in the meantime',
    'hold_hidden': 'it is not shown to those who build on writes in flight: it may come to nothing',
    'lease_last_ct': 'a commit on the word of a catalog lease takes no timestamp beyond it',
    'lease_logged': 'the promise is an entry of the log, known to the next leader',
    'lease_in_state': 'and part of the state that is flushed and sent',
    'lease_proposed': 'it binds from its proposal on',
    'lease_read_after': 'the catalog is read after the promise was applied',
    'lease_ct_above': 'a change of the catalog takes a timestamp above the promise',
    'lease_yields': 'while a change waits no lease is extended',
    'freeze': 'a range that is being merged serves nothing from its freeze on',
    'freeze_latch': 'and takes no more writes from the proposal of the freeze on: none is behind it in the log',
    'freeze_all': 'a merge is proposed when every voter has the freeze of the right side',
    'merge_conditional': 'a merge counts only at the epoch at which the right side was frozen for it',
    'merge_epoch': 'and ends at an epoch above that of both: of two descriptors with a key in common the later one is known by it',
    'merge_floor': 'the left side takes the floor of the right side',
    'split_after_merge': 'no split of a range of whose last merge the metadata range has not heard: nobody could tell it afterwards',
    'snapshot_knows': 'a leader sends a snapshot to whom the state in it has as a member: none is older than what made that one',
    'snapshot_absorbs': 'a snapshot of the left side takes the place of the right side, too, that was frozen for it',
    'orphan_frozen': 'who was frozen for a range is no orphan before the replica of that range beside it has gone on',
    'unfreeze_after_bump': 'the right side thaws only after the epoch of the left has moved on',
    'unfreeze_proof': 'and the metadata range says afterwards that it still exists',
}
MS = 1000
PROFILE = 100000                 # seeds from here on, and from each multiple, are of another kind: World.of_...
FAULT_END, END = 2500 * MS, 6500 * MS
KEYS = 8                         # key 0 is the catalog
# Seeds at which `--brief` has to see a violation without the rule. README.md has those of which none is known yet.
KNOWN = {
    'heir_term': (600010, 600019), 'right_later': (600075, 600080), 'own_entry': (4, 600001),
    'split_conditional': (300019, 300012), 'latch_writes': (10, 19), 'reads_wait': (500011, 500019), 'unborn_kept': (2, 4), 'one_edit': (2, 7),
    'edit_before_drop': (13,), 'birth_overlap': (2, 4), 'carve_first': (1, 2), 'carve_end': (1, 4), 'pending_gone': (9, 15),
    'orphan_proof': (23, 35), 'orphan_pending': (4, 6), 'birth_applied': (100009,), 'joint': (23, 24), 'epoch_check': (1, 2),
    'epoch_after_wait': (4, 10), 'refresh_others': (1, 2), 'refresh_floor': (13,), 'refresh_waits': (8, 11), 'refresh_at_ct': (1, 4),
    'hold_in_flight': (1, 4), 'hold_term': (500011,), 'hold_epoch': (500006,), 'hold_latch': (500022,),
    'hold_hidden': (500001, 500003), 'lease_last_ct': (1, 8), 'lease_logged': (200001, 200002),
    'lease_proposed': (200019,), 'lease_read_after': (4, 8), 'lease_ct_above': (1, 2), 'lease_yields': (200013,), 'freeze': (400049,), 'freeze_all': (400004, 400008), 'merge_epoch': (400005, 400008), 'orphan_frozen': (400026,),
    'freeze_latch': (700001, 700010), 'snapshot_absorbs': (700017, 700036),
}
Conf = collections.namedtuple('Conf', 'voters outgoing learners')        # tuples of (replica id, node)
Desc = collections.namedtuple('Desc', 'id start end epoch conf next_rid')
Entry = collections.namedtuple('Entry', 'term kind body')


def members(conf):
    return dict(conf.voters + conf.outgoing + conf.learners)


def quorum(conf, has):
    return all(sum(1 for v, _ in half if has(v)) * 2 > len(half) for half in (conf.voters, conf.outgoing) if half)


def newest(data, key, ts):
    return next(((ct, v) for ct, v in reversed(data.get(key, ())) if ct <= ts), (0, None))


class State:
    """What a group's log makes: the engine's content and the range's meta."""
    def __init__(self, index, term, desc, data, high, lease=0, frozen=None):
        self.index, self.term, self.desc, self.data = index, term, desc, data
        self.high, self.lease, self.frozen = high, lease, frozen

    def copy(self):
        return State(self.index, self.term, self.desc, dict(self.data), self.high, self.lease, self.frozen)

    def digest(self):
        return (self.desc, tuple(sorted(self.data.items())), self.high, self.frozen)


class Wal:
    """Durable from the moment it is written."""
    def __init__(self, term, sindex, sterm, sconf):
        self.term, self.vote = term, None
        self.sindex, self.sterm, self.sconf, self.entries = sindex, sterm, sconf, ()

    def last(self):
        return (self.entries[-1].term if self.entries else self.sterm, self.sindex + len(self.entries))

    def term_at(self, i):
        return self.sterm if i == self.sindex else self.entries[i - self.sindex - 1].term

    def conf(self):
        return next((e.body[0] for e in reversed(self.entries) if e.kind == 'conf'), self.sconf)


class Replica:
    def __init__(self, store, rng, rid, wal, state, wanted):
        self.store, self.w, self.range, self.rid, self.wal, self.state = store, store.w, rng, rid, wal, state
        self.wanted = wanted               # bounds, while there is no state
        self.commit = state.index if state else 0
        self.role, self.leader, self.alive, self.parent = 'F', None, True, None
        self.heard = self.w.t
        self.clear()
        self.reset_timer()
        self.w.on_node(self.store, self.w.r.randint(0, self.w.tick), self.tick)

    def clear(self):
        self.votes, self.match, self.inflight = set(), {}, {}
        self.ready, self.floor, self.high, self.latch, self.lease = False, 0, 0, None, 0
        self.ddl_waiting, self.busy, self.last_put = 0, False, 0

    # ---- questions

    def here(self):
        return self.alive and self.store.up

    def bounds(self):
        return (self.state.desc.start, self.state.desc.end) if self.state else self.wanted

    def conf(self):
        return self.wal.conf()

    def conf_pending(self):
        return any(e.kind == 'conf' for e in self.wal.entries[max(0, self.commit - self.wal.sindex):])

    def own_committed(self):
        return self.commit >= self.wal.sindex and self.wal.term_at(self.commit) == self.wal.term

    def leads(self):
        """By its lease: nobody else does. lease_model.py shows that it can know."""
        return self.here() and self.role == 'L' and self.ready and self.w.elected.get(self.range, (0,))[0] == self.wal.term

    def frozen_for(self, left, epoch):
        """The log says that it was frozen for a merge into left, at this epoch of left or before."""
        st = self.state
        return st is not None and (st.frozen is not None and st.frozen[0] == left and st.frozen[1] <= epoch or any(
            e.kind == 'freeze' and e.body[0] == left and e.body[1] <= epoch for e in self.wal.entries))

    def latched(self, key):
        return self.latch is not None and key >= self.latch

    # ---- roles

    def reset_timer(self):
        self.deadline = self.w.t + self.w.r.randint(self.w.election, 2 * self.w.election)

    def follow(self, term, leader):
        if term > self.wal.term:
            self.wal.term, self.wal.vote = term, None
        self.role, self.leader = 'F', leader
        self.clear()
        self.reset_timer()

    def send(self, rid, node, what, *args):
        self.w.send(self.store.i, node, self.w.stores[node].on_raft, self, rid, what, args)

    def campaign(self):
        conf = self.conf()
        if not self.here() or self.state is None or self.role == 'L' or conf is None or self.rid not in dict(conf.voters + conf.outgoing):
            return
        self.clear()
        self.role, self.leader, self.wal.term, self.wal.vote = 'C', None, self.wal.term + 1, self.rid
        self.votes = {self.rid}
        self.reset_timer()
        for rid, node in sorted(members(conf).items()):
            if rid != self.rid:
                self.send(rid, node, 'on_vote', self.rid, self.store.i, self.wal.term, self.wal.last())
        self.count_votes()

    def inherit(self, term):
        self.clear()
        self.wal.term, self.wal.vote = term, self.rid
        self.begin_term()
        self.serve()

    def begin_term(self):
        self.w.lead(self)
        self.role, self.leader = 'L', self.rid
        self.append('noop', None)

    def serve(self):
        self.ready, self.high = True, self.state.high
        self.floor = max(self.floor, self.w.M) if self.w.on('leader_floor') else self.floor

    def on_vote(self, rid, node, term, last):
        if term < self.wal.term:
            return
        if term > self.wal.term:
            self.follow(term, None)
        if self.wal.vote in (None, rid) and last >= self.wal.last():
            self.wal.vote = rid
            self.reset_timer()
            self.send(rid, node, 'on_granted', self.rid, term)

    def on_granted(self, rid, term):
        if self.role == 'C' and term == self.wal.term:
            self.votes.add(rid)
            self.count_votes()

    def count_votes(self):
        if self.role == 'C' and quorum(self.conf(), lambda v: v in self.votes):
            self.begin_term()
            if not self.w.on('own_entry'):
                self.serve()

    def tick(self):
        w = self.w
        if not self.here():
            return
        w.on_node(self.store, w.tick, self.tick)
        if self.role == 'L':
            self.replicate()
            self.lead_on()
        elif w.t >= self.deadline:
            self.campaign()
            self.reset_timer()
        if self.role != 'L' and w.t - self.heard > 3 * w.election and not self.busy:
            self.busy = True
            w.spawn(self.store, ask_orphan(w, self))

    def lead_on(self):
        """What a leader does now and then."""
        w, c = self.w, self.conf()
        if not self.leads():
            return
        if c.outgoing and not self.conf_pending():
            self.append('conf', (Conf(c.voters, (), c.learners), self.state.desc.next_rid))
            return
        if not c.outgoing and not self.conf_pending() and self.rid not in dict(c.voters):
            self.follow(self.wal.term, None)
            return
        if w.t - self.last_put > 4 * w.tick:
            self.last_put = w.t
            w.send(self.store.i, None, w.meta.put, self.state.desc)
        if self.state.frozen and not self.busy and w.t - self.state.frozen[2] > 8 * w.election:
            self.busy = True
            w.spawn(self.store, thaw(w, self))

    # ---- replication: a log travels whole

    def append(self, kind, body):
        self.wal.entries += (Entry(self.wal.term, kind, body),)
        self.match[self.rid] = self.wal.last()[1]
        self.replicate()
        self.advance()
        return self.wal.last()[1]

    def replicate(self):
        wal = self.wal
        for rid, node in sorted(members(self.conf()).items()):
            if rid != self.rid:
                self.send(rid, node, 'on_append', self.rid, self.store.i, wal.term, (wal.sindex, wal.sterm), wal.entries, self.commit)

    def on_term(self, term):
        if term > self.wal.term:
            self.follow(term, None)

    def on_append(self, rid, node, term, start, entries, commit):
        wal = self.wal
        if term < wal.term:
            self.send(rid, node, 'on_term', wal.term)
            return
        if term > wal.term or self.role != 'F' or self.leader != rid:
            self.follow(term, rid)
        self.heard = self.w.t
        self.reset_timer()
        if self.state is None or start[0] > wal.last()[1] or (start[0] >= wal.sindex and wal.term_at(start[0]) != start[1]):
            self.send(rid, node, 'on_reply', self.rid, self.store.i, term, None)
            return
        entries = entries[max(0, wal.sindex - start[0]):]      # what we hold as applied is the same
        at = max(start[0], wal.sindex) - wal.sindex
        for k, e in enumerate(entries):
            if at + k >= len(wal.entries) or wal.entries[at + k].term != e.term:
                if wal.sindex + at + k < self.commit:
                    raise Violation('history')
                wal.entries = wal.entries[:at + k] + entries[k:]
                break
        end = max(start[0], wal.sindex) + len(entries)
        self.committed(min(commit, end))
        self.send(rid, node, 'on_reply', self.rid, self.store.i, term, end)

    def on_reply(self, rid, node, term, end):
        if self.role != 'L' or term != self.wal.term or rid not in members(self.conf()):
            return
        if end is None:
            known = self.state and members(self.state.desc.conf).get(rid) == node
            if self.state and (known or not self.w.on('snapshot_knows')) and self.w.r.random() < .5:
                self.send(rid, node, 'on_snapshot', self.rid, self.store.i, term, self.state.copy())
            return
        self.match[rid] = max(self.match.get(rid, 0), end)
        self.advance()

    def advance(self):
        n = max((i for i in range(self.commit + 1, self.wal.last()[1] + 1) if self.wal.term_at(i) == self.wal.term and
                 quorum(self.conf(), lambda v: self.match.get(v, 0) >= i)), default=0)
        self.committed(n)

    def committed(self, n):
        if n > self.commit:
            self.commit = n
            lag = self.w.r.choice((0, 0, self.w.lag)) if self.store.i != self.w.slow else 300 * MS
            self.w.on_node(self.store, lag, self.apply)

    def on_snapshot(self, rid, node, term, state):
        """Replaces this replica wholly, or not at all."""
        w, s = self.w, self.store
        if term < self.wal.term or self.role == 'L' or (self.state and state.index <= self.state.index):
            return
        new = (state.desc.start, state.desc.end)
        merged = [o for o in s.replicas.values() if o is not self and overlap(o.bounds(), new) and w.on('snapshot_absorbs') and
                  o.frozen_for(self.range, state.desc.epoch - 1)]
        beside = any(o is not self and o not in merged and overlap(o.bounds(), new) for o in s.replicas.values())
        wider = self.state is None and not (self.wanted[0] <= new[0] and new[1] <= self.wanted[1])
        if beside and w.on('snapshot_beside') or wider and w.on('snapshot_within'):
            self.heard = 0                                     # asks what the metadata range says of it now
            return
        if w.on('edit_before_drop'):
            s.flush_births(self)
        if not w.on('lease_in_state'):
            state.lease = 0
        for o in merged:
            s.absorb(self, o)
        self.heard, self.state = w.t, state
        if self.wal.sindex <= state.index <= self.wal.last()[1] and self.wal.term_at(state.index) == state.term:
            s.cut(self)
        else:
            self.wal.entries, self.wal.sindex, self.wal.sterm, self.wal.sconf = (), state.index, state.term, state.desc.conf
        s.manifest[self.range] = (self.rid, state.copy())
        self.parent, self.commit = None, max(self.commit, state.index)
        s.check_overlap()

    # ---- apply

    def apply(self):
        while self.here() and self.state and self.state.index < min(self.commit, self.wal.last()[1]):
            st = self.state
            e = self.wal.entries[st.index - self.wal.sindex]
            self.w.chosen(self, st.index + 1, e)
            st.index, st.term = st.index + 1, e.term
            getattr(self, 'apply_' + e.kind)(e.body)
            if not self.alive:
                return
            self.w.compare(self)
            if self.role == 'L':
                self.inflight.pop(st.index, None)
                if not self.ready and st.term == self.wal.term:
                    self.serve()

    def epoch(self, **changes):
        d = self.state.desc
        self.state.desc = d._replace(epoch=d.epoch + 1, **changes)

    def apply_noop(self, body):
        pass

    def apply_bump(self, body):
        if self.state.desc.epoch == body:
            self.epoch()

    def apply_conf(self, body):
        self.epoch(conf=body[0], next_rid=max(self.state.desc.next_rid, body[1]))
        if self.rid not in members(self.conf()) and self.role == 'L' and self.commit == self.wal.last()[1]:
            self.replicate()

    def apply_write(self, body):
        ct, writes, tag = body
        st = self.state
        st.high = max(st.high, ct)
        for k, v in writes:
            if st.desc.start <= k < st.desc.end:
                st.data[k] = st.data.get(k, ()) + ((ct, v),)

    def apply_lease(self, until):
        self.state.lease = max(self.state.lease, until)

    def apply_split(self, body):
        epoch, key, right, high = body
        st, d, w = self.state, self.state.desc, self.w
        self.latch = None
        if w.on('split_conditional') and d.epoch != epoch or not d.start < key < d.end or d.conf.outgoing:
            return
        st.high = max(st.high, high)
        born = State(st.index, st.term, Desc(right, key, d.end, d.epoch + 1, d.conf, d.next_rid),
                     {k: v for k, v in st.data.items() if k >= key}, st.high)
        st.data = {k: v for k, v in st.data.items() if k < key}
        self.epoch(end=key)
        self.store.born(self, born)

    # merges: see merge() and thaw()

    def apply_freeze(self, body):
        self.latch = None
        if self.state.frozen is None and not self.state.desc.conf.outgoing:
            self.state.frozen = body
            self.epoch()

    def apply_thaw(self, body):
        if self.state.frozen == body:
            self.state.frozen = None
            self.epoch()

    def apply_merge(self, body):
        epoch, right, index, floor, high, right_epoch = body
        st, d, w = self.state, self.state.desc, self.w
        if w.on('merge_conditional') and d.epoch != epoch:
            return
        other = self.store.replicas.get(right)
        if other is None or other.state is None or other.state.frozen is None:
            if other is None or other.state is None or other.wal.last()[1] < index:
                raise Violation('the right side of a merge is not here')
        other.committed(index)
        other.apply()
        if other.state.desc.start != d.end:
            raise Violation('the right side of a merge does not fit')
        st.data.update(other.state.data)
        st.high = max(st.high, high)
        if self.role == 'L':
            self.high = max(self.high, st.high)
            if w.on('merge_floor'):
                self.floor = max(self.floor, floor)
        end = other.state.desc.end
        w.gone.add(right)
        self.store.absorb(self, other)
        if w.on('merge_epoch'):
            st.desc = st.desc._replace(epoch=max(st.desc.epoch, right_epoch))
        self.epoch(end=end)
        self.store.flush(self)


def overlap(a, b):
    return a is not None and b is not None and a[0] < b[1] and b[0] < a[1]


class Store:
    """One log, one engine, the replicas of a node."""
    def __init__(self, w, i):
        self.w, self.i, self.inc, self.up = w, i, 1, True
        self.wals, self.manifest, self.wanted, self.tombs = {}, {}, {}, {}     # durable; tombs: known to the checker only
        self.replicas, self.births, self.destroyed, self.cache = {}, set(), 0, None

    # ---- births

    def make(self, rng, rid, state, wanted=None, term=0):
        if rng not in self.wals:
            self.wals[rng] = Wal(term, state.index, state.term, state.desc.conf) if state else Wal(0, 0, 0, None)
        rep = self.replicas[rng] = Replica(self, rng, rid, self.wals[rng], state, wanted)
        return rep

    def born(self, left, state):
        """By the left's log. The log of the right may be here already: its votes and entries are kept."""
        w, rng = self.w, state.desc.id
        rid = left.rid
        if rid not in members(state.desc.conf):
            return                                             # a replica that was on its way out
        if rng in self.replicas:
            return                                             # here already: the left only shrinks
        self.check_risen(rng, rid)
        first = state.term + (1 if w.heirs and w.on('right_later') else 0)
        new = rng not in self.wals
        rep = self.make(rng, rid, state, term=first)
        rep.wal.term = max(rep.wal.term, first)
        rep.parent, rep.birth = left, state.copy()
        if w.heirs and new and left.role == 'L' and (left.wal.term == state.term or not w.on('heir_term')):
            rep.inherit(state.term + 1)
        elif left.role == 'L':
            w.on_node(self, w.r.randint(0, 2 * MS), rep.campaign)
        self.check_overlap()

    def check_risen(self, rng, rid):
        if self.tombs.get(rng, 0) >= rid:
            raise Violation('who was destroyed rose again')    # without its votes, and what it acknowledged

    def birth(self, src, rid):
        """By a message: the metadata range is asked who that may be, and the sender for its descriptor."""
        w, rng, destroyed = self.w, src.range, self.destroyed
        past = yield from w.call(self, None, w.meta.lookup, True)
        desc = yield from w.call(self, src.store.i, lambda: src.state.desc if src.here() and src.state else None)
        self.births.discard(rng)
        if past is None or desc is None or destroyed != self.destroyed or rng in self.replicas:
            return
        def named(conf):
            return members(conf).get(rid) == self.i or rid in members(conf) and not w.on('birth_node')
        rec = past[1].get(rng)
        if w.on('birth_proof') and not (rng in past[2] if rec is None else rid >= rec.next_rid or named(rec.conf)):
            return
        if not named(desc.conf) and (w.on('birth_applied') or rid in members(desc.conf)):
            return
        if w.on('unborn_kept') and rng in self.wals:
            return
        told, wanted = (desc.start, desc.end), (rec.start, rec.end) if rec else (desc.start, desc.end)
        held = [o.bounds() for o in self.replicas.values() if o.state or w.on('empty_covers')]
        if w.on('birth_overlap') and any(overlap(b, told) or overlap(b, wanted) for b in held):
            return
        self.check_risen(rng, rid)
        self.wals.pop(rng, None)
        self.make(rng, rid, None, wanted)
        self.manifest[rng], self.wanted[rng] = (rid, None), wanted

    def on_raft(self, src, rid, what, args):
        rep = self.replicas.get(src.range)
        if rep is None and what in ('on_append', 'on_vote', 'on_snapshot') and src.range not in self.births:
            self.births.add(src.range)
            self.w.spawn(self, self.birth(src, rid))
        if rep is not None and rep.rid == rid:
            getattr(rep, what)(*args)

    def check_overlap(self):
        held = [r for r in self.replicas.values() if r.state]
        for k, a in enumerate(held):
            for b in held[k + 1:]:
                if overlap(a.bounds(), b.bounds()):
                    raise Violation('two replicas of a store hold a key')

    # ---- durability

    def flush_births(self, rep):
        """Its own, and those that its log has made."""
        if any(c.parent is rep for c in self.replicas.values()):
            self.flush(rep)
        if rep.parent is not None:
            self.flush(rep.parent)

    def flush(self, rep):
        """One manifest edit: the state, and the births that its log has made."""
        if not rep.alive or rep.state is None:
            return
        if rep.parent is not None:
            self.flush(rep.parent)
        for c in list(self.replicas.values()):
            if c.parent is rep and self.w.on('one_edit'):
                self.manifest[c.range] = (c.rid, c.birth)
                c.parent = None
        st = rep.state.copy()
        if not self.w.on('lease_in_state'):
            st.lease = 0
        self.manifest[rep.range] = (rep.rid, st)

    def cut(self, rep):
        st, wal = self.manifest.get(rep.range, (0, None))[1], rep.wal
        if st is not None and st.index > wal.sindex:
            n = st.index - wal.sindex
            wal.sterm, wal.sconf = wal.term_at(st.index), next(
                (e.body[0] for e in reversed(wal.entries[:n]) if e.kind == 'conf'), wal.sconf)
            wal.entries, wal.sindex = wal.entries[n:], st.index

    def absorb(self, left, right):
        """The right side of a merge ends here; both are made durable by the flush that follows."""
        self.flush_births(right)
        self.forget(right)

    def forget(self, rep):
        rep.alive = False
        self.tombs[rep.range] = max(self.tombs.get(rep.range, 0), rep.rid)
        for of in (self.replicas, self.wals, self.manifest):
            of.pop(rep.range, None)

    def destroy(self, rep):
        if self.w.on('edit_before_drop'):
            self.flush_births(rep)
        if self.w.is_member(rep):
            raise Violation('a member was destroyed')
        self.destroyed += 1
        self.forget(rep)

    def crash(self):
        self.up, self.inc, self.cache, self.births = False, self.inc + 1, None, set()
        for r in self.replicas.values():
            r.alive = False
        self.replicas = {}

    def recover(self):
        """Logs that no manifest names belong to ranges that a split made, whose edit was not durable. That their log exists shows that
        the split was committed, so the left may apply up to it at once."""
        self.up = True
        for rng, (rid, st) in sorted(self.manifest.items()):
            self.make(rng, rid, st.copy() if st else None)
            if st is None:
                self.replicas[rng].wanted = self.wanted[rng]
        unborn = [rng for rng in sorted(self.wals) if rng not in self.manifest]
        if not self.w.on('unborn_kept'):
            for rng in unborn:
                self.wals.pop(rng)
            unborn = []
        while unborn:
            found = False
            for rep in list(self.replicas.values()):
                for k, e in enumerate(rep.wal.entries):
                    if e.kind == 'split' and e.body[2] in unborn:
                        rep.commit = max(rep.commit, rep.wal.sindex + k + 1)
                rep.apply()
            for rng in list(unborn):
                if rng in self.replicas:
                    unborn.remove(rng)
                    found = True
            if not found:
                raise Violation('a range cannot be made again')
        self.check_overlap()


class Meta:
    """The metadata range: what may change. Every command is evaluated at once; its replicas answer from the past."""
    def __init__(self, w, records, next_id):
        self.w, self.records, self.pending, self.next_id, self.past = w, records, {}, next_id, []
        self.keep()

    def keep(self):
        self.past = self.past[-30:] + [(self.w.t, dict(self.records), dict(self.pending), self.next_id)]

    def begin(self, left, epoch, key, end):
        rec = self.records.get(left)
        if rec is not None and end > rec.end and self.w.on('split_after_merge'):
            return None
        for right, p in self.pending.items():
            if p == (left, epoch, key):
                return right
        if rec is None or not rec.start < key < rec.end or rec.epoch > epoch:
            return None
        right, self.next_id = self.next_id, self.next_id + 1
        self.pending[right] = (left, epoch, key)
        self.keep()
        return right

    def put(self, d):
        rec, on = self.records.get(d.id), self.w.on
        if rec is None:
            if d.id not in self.pending:
                return
            holders = [r for r in self.records.values() if overlap((r.start, r.end), (d.start, d.end))]
            if on('carve_end'):
                if len(holders) != 1 or not (holders[0].start < d.start and holders[0].end == d.end):
                    return
            for r in holders:
                self.records[r.id] = r._replace(end=d.start)
            self.records[d.id] = d
            del self.pending[d.id]
        elif d.epoch > rec.epoch:
            inside = [r for r in self.records.values() if rec.end <= r.start and r.end <= d.end and r.epoch < d.epoch]
            if d.end > rec.end and d.start == rec.start and sum(r.end - r.start for r in inside) == d.end - rec.end:
                for r in inside:                               # merged: what it has grown by is no range any more
                    del self.records[r.id]
                    for right, p in list(self.pending.items()):
                        if p[0] == r.id:
                            del self.pending[right]
            elif on('carve_first') and (d.start, d.end) != (rec.start, rec.end):
                return
            self.records[d.id] = d
            if on('pending_gone'):
                for right, (left, epoch, key) in list(self.pending.items()):
                    if left == d.id and epoch < d.epoch:
                        del self.pending[right]
        else:
            return
        self.keep()
        self.check()

    def check(self):
        at = 0
        for d in sorted(self.records.values(), key=lambda x: x.start):
            if d.start != at or d.end <= d.start:
                raise Violation('mirror: hole or overlap')
            at = d.end
        if at != KEYS:
            raise Violation('mirror: hole or overlap')

    def lookup(self, proof):
        return self.past[-1] if proof or len(self.past) < 2 else self.w.r.choice(self.past)


# ---- what leaders do for others: generators that yield a time to sleep. Whoever began them may be gone meanwhile.

def wait_free(w, rep, epoch, keys, blocked, latched, reads=False):
    """Until rep may look at the keys; None, or why not. The last look is in the step that goes on."""
    first, noted = True, 0
    for _ in range(60):
        if not rep.leads():
            return 'not leader'
        if first and reads and w.on('reads_wait'):
            noted = rep.commit
        d = rep.state.desc
        fits = d.epoch == epoch and all(d.start <= k < d.end for k in keys) or not w.on('epoch_check')
        if not fits and (first or w.on('epoch_after_wait')):
            return 'stale'
        first = False
        if not (rep.state.frozen and w.on('freeze')) and not any(rep.latched(k) for k in keys if latched) and not blocked() and \
                rep.state.index >= noted:
            return None
        yield w.r.randint(1, 4) * MS
    return 'busy'


def in_flight(rep, keys, low, high):
    return any(low < ct <= high and k in keys for ct, ks in rep.inflight.values() for k in ks)


def held(rep, keys):
    return any(type(at) is tuple and k in keys for at, (_, ks) in rep.inflight.items() for k in ks)


def serve_read(w, rep, epoch, keys, ts, refresh=False):
    waits = not refresh or w.on('refresh_waits')
    why = yield from wait_free(w, rep, epoch, keys, lambda: waits and in_flight(rep, keys, 0, ts), False, True)
    if why:
        return (why,)
    if not refresh or w.on('refresh_floor'):
        rep.floor = max(rep.floor, ts)
    return 'ok', {k: newest(rep.state.data, k, ts) for k in keys}


def serve_commit(w, rep, epoch, ts, seen, writes, others, last, reads):
    """others: what was read in other ranges. It is held until that was looked at again, at its ct."""
    keys, begun = set(seen) | set(writes), w.t
    system = 0 in writes
    while True:
        ct0 = yield from w.clock()
        why = yield from wait_free(w, rep, epoch, keys, lambda: in_flight(rep, set(seen), ts, 1 << 60) or held(rep, writes), w.on('latch_writes'))
        if why:
            return (why,)
        promised = max(rep.state.lease, rep.lease if w.on('lease_proposed') else 0)
        if system and w.on('lease_ct_above') and ct0 <= promised:
            rep.ddl_waiting = w.t + 2 * w.lease + 4 * w.stall
            if w.t - begun > 8 * w.lease + 20 * w.stall:
                raise Violation('stuck: change of the catalog')
            yield 2 * MS
            continue
        break
    if any(newest(rep.state.data, k, 1 << 60)[0] != ct for k, ct in seen.items()):
        return ('conflict',)
    ct = max(ct0, rep.floor + 1, rep.high + 1)
    if last is not None and ct > last and w.on('lease_last_ct'):
        return ('expired',)
    if system:
        rep.ddl_waiting = 0
    if seen and (not others or w.on('hold_bound')):
        rep.floor = max(rep.floor, ct)
    w.tag += 1
    tag, term = w.tag, rep.wal.term
    if others:
        why = yield from hold(w, rep, ts, ct, writes, others, tag)
        if why:
            return (why,)
        term = rep.wal.term
    return (yield from propose_write(w, rep, term, ct, writes, tag, reads))


def hold(w, rep, ts, ct, writes, others, tag):
    """None when what was read elsewhere is the same at ct, and nothing has changed here. Until then nothing is promised."""
    term, epoch, begun = rep.wal.term, rep.state.desc.epoch, w.t
    if w.on('hold_bound'):
        rep.high = max(rep.high, ct)
    if w.on('hold_in_flight'):
        rep.inflight[('held', tag)] = (ct, tuple(writes))
    again = dict(others)
    if w.on('refresh_others'):
        again = yield from read(w, rep.store, tuple(others), ct if w.on('refresh_at_ct') else ts, True, begun + w.patience)
        again = again and {k: at for k, (at, _) in again.items()}
    yield w.r.choice((0, 0, 5 * MS, w.linger))
    w.count['held'] += 1
    rep.inflight.pop(('held', tag), None)
    if again is None:
        return 'busy'
    if again != others:
        return 'conflict'
    if not rep.leads() or rep.wal.term != term and w.on('hold_term'):
        return 'not leader'
    if rep.state.desc.epoch != epoch and w.on('hold_epoch') or rep.state.frozen and w.on('freeze'):
        return 'stale'
    if any(rep.latched(k) for k in writes) and w.on('hold_latch') and w.on('latch_writes'):
        return 'busy'
    return None


def serve_add(w, rep, epoch, key):
    """One key is read and written in one step, on top of what is in flight: nobody waits for the log."""
    why = yield from wait_free(w, rep, epoch, (key,), lambda: False, True)
    if why:
        return (why,)
    ct0 = yield from w.clock()
    why = yield from wait_free(w, rep, epoch, (key,), lambda: False, True)
    if why:
        return (why,)
    flying = [ct for at, (ct, keys) in rep.inflight.items() if key in keys and (type(at) is int or not w.on('hold_hidden'))]
    seen = {key: max([newest(rep.state.data, key, 1 << 60)[0]] + flying)}
    if held(rep, (key,)) and w.on('hold_hidden'):
        return ('busy',)                                       # a writer of that key waits for it
    ct = max(ct0, rep.floor + 1, rep.high + 1)
    rep.floor, w.tag = max(rep.floor, ct), w.tag + 1
    return (yield from propose_write(w, rep, rep.wal.term, ct, (key,), w.tag, seen))


def propose_write(w, rep, term, ct, writes, tag, reads):
    rep.high = max(rep.high, ct)
    w.txns[tag] = (ct, reads, set(writes))
    rep.inflight[rep.wal.last()[1] + 1] = (ct, tuple(writes))
    index = rep.append('write', (ct, tuple(sorted((k, tag) for k in writes)), tag))
    ok = yield from proposed(w, rep, index, term, tag)
    if ok is None:
        return ('unknown', ct, tag)
    if not ok:
        return ('not leader',)
    yield from w.clock(ct)
    return 'ok', ct, tag


def proposed(w, rep, index, term, tag=None):
    """True: applied as ours. False: another entry stands there. None: nobody knows."""
    for _ in range(120):
        if not rep.here() or rep.state is None:
            return None
        if rep.state.index >= index:
            e = w.history[rep.range].get(index)
            return e.term == term
        yield 2 * MS
    return None


def serve_lease(w, rep):
    """The promise that no version of the catalog appears at or below the time returned."""
    why = yield from wait_free(w, rep, rep.state.desc.epoch if rep.state else 0, (0,), lambda: False, False)
    if why or (rep.ddl_waiting > w.t and w.on('lease_yields')):
        return (why or 'busy',)
    value = newest(rep.state.data, 0, 1 << 60)
    until = w.read_clock() + w.lease
    rep.lease = max(rep.lease, until)
    if w.on('lease_logged'):
        term = rep.wal.term
        index = rep.append('lease', until)
        if not (yield from proposed(w, rep, index, term)) or not rep.leads():
            return ('not leader',)
    if w.on('lease_read_after'):
        value = newest(rep.state.data, 0, 1 << 60)
    return 'ok', until, value[0]


def may_change(w, rep):
    c = rep.conf()
    if not w.on('one_change'):
        return rep.leads() and not c.outgoing
    return rep.leads() and rep.own_committed() and not c.outgoing and not rep.conf_pending() and rep.latch is None and not rep.state.frozen \
        and not any(e.kind in ('merge', 'split', 'freeze', 'bump') for e in rep.wal.entries[rep.state.index - rep.wal.sindex:])


def split(w, rep):
    d = rep.state.desc
    keys = list(range(max(d.start + 1, 1), d.end))
    if not keys or not may_change(w, rep):
        return
    key, epoch = w.r.choice(keys), d.epoch
    right = yield from w.call(rep.store, None, lambda: w.meta.begin(d.id, epoch, key, d.end))
    if right is None or not may_change(w, rep) or rep.latched(key):
        return
    if rep.state.desc.epoch != epoch and w.on('split_conditional'):
        return
    if not rep.state.desc.start < key < rep.state.desc.end:
        return
    rep.latch, term = key, rep.wal.term
    rep.append('split', (epoch, key, right, max(rep.high, w.M)))
    w.count['splits'] += 1
    for _ in range(100):                                       # an own end of the latch: nothing that was proposed gets lost silently
        if rep.latch is None or not rep.here() or rep.wal.term != term:
            return
        yield 10 * MS


def move(w, rep):
    """A learner, then joint consensus, then the old voter goes."""
    if not may_change(w, rep):
        return
    d, c = rep.state.desc, rep.conf()
    free = [i for i in range(w.n) if i not in members(c).values()]
    if not free or len(c.learners) > 0:
        if c.learners:
            rep.append('conf', (Conf(c.voters, (), ()), d.next_rid))
        return
    node = w.r.choice(free)
    rid = d.next_rid if w.on('new_replica_id') else next((r for r, n in sorted(w.former.get(d.id, {}).items()) if n == node), d.next_rid)
    w.former.setdefault(d.id, {})[rid] = node
    rep.append('conf', (Conf(c.voters, (), ((rid, node),)), max(d.next_rid, rid + 1)))
    for _ in range(60):
        yield 10 * MS
        if not rep.leads():
            return
        if rep.match.get(rid, 0) >= rep.commit - 3 and may_change(w, rep):
            break
    c = rep.conf()
    if not may_change(w, rep) or (rid, node) not in c.learners:
        return
    gone = w.r.choice(c.voters)
    voters = tuple(sorted([v for v in c.voters if v != gone] + [(rid, node)]))
    if w.r.random() < .2 and len(c.voters) == 3 and w.n >= 5 and not w.on('joint'):
        voters = tuple(sorted([c.voters[0], (rid, node)]))
    rep.append('conf', (Conf(voters, c.voters if w.on('joint') else (), ()), rep.state.desc.next_rid))
    w.count['moves'] += 1


def merge(w, rep):
    """Right freezes for an epoch of left; when all its voters have that, left takes it in, at that epoch or not at all."""
    d = rep.state.desc
    if not may_change(w, rep) or d.end == KEYS:
        return
    right = next((r for s in w.stores for r in s.replicas.values() if r.leads() and r.state.desc.start == d.end), None)
    if right is None or sorted(n for _, n in d.conf.voters) != sorted(n for _, n in right.conf().voters) or d.conf.learners or \
            right.conf().learners:
        return
    reply = yield from w.call(rep.store, right.store.i, freeze, w, right, d.id, d.epoch)
    if reply is None or not rep.leads():
        return
    index, floor, high, rid, right_epoch = reply
    if rep.state.desc.epoch != d.epoch and w.on('merge_conditional') or not may_change(w, rep) or rep.state.desc.end != d.end:
        return
    term = rep.wal.term
    at = rep.append('merge', (d.epoch, rid, index, floor, high, right_epoch))
    w.count['merges'] += 1
    yield from proposed(w, rep, at, term)


def freeze(w, rep, left, epoch):
    if not may_change(w, rep):
        return None
    body, term = (left, epoch, w.t), rep.wal.term
    if w.on('freeze_latch'):
        rep.latch = 0
    index = rep.append('freeze', body)
    if not (yield from proposed(w, rep, index, term)) or rep.state.frozen != body:
        return None
    for _ in range(60):
        if not rep.leads() or rep.state.frozen != body:
            return None
        if not w.on('freeze_all') or all(rep.match.get(v, 0) >= index for v, _ in rep.conf().voters):
            return index, w.read_clock(), max(rep.state.high, rep.high), rep.range, rep.state.desc.epoch
        yield 5 * MS
    return None


def thaw(w, rep):
    """Who froze it may be gone: the left is made to move on, then the right side, if it still exists, thaws."""
    body = rep.state.frozen
    left = next((r for s in w.stores for r in s.replicas.values() if r.range == body[0] and r.leads()), None)
    passed = not w.on('unfreeze_after_bump')
    if left is not None:
        def ask():
            if not left.leads():
                return None
            d = left.state.desc
            if d.epoch == body[1] and may_change(w, left):
                left.append('bump', body[1])
            return d
        d = yield from w.call(rep.store, left.store.i, ask)
        passed = passed or d is not None and d.epoch > body[1] and d.end <= rep.state.desc.start
    if left is None:                                           # merged away itself, or split off: the metadata range knows
        past = yield from w.call(rep.store, None, w.meta.lookup, True)
        passed = passed or past is not None and body[0] not in past[1] and body[0] not in past[2]
    if passed and w.on('unfreeze_proof'):
        past = yield from w.call(rep.store, None, w.meta.lookup, True)
        passed = past is not None and rep.range in past[1]
    if passed and rep.leads() and rep.state.frozen == body and not any(e.kind == 'thaw' for e in rep.wal.entries[rep.state.index - rep.wal.sindex:]):
        rep.append('thaw', body)
    yield 20 * MS
    rep.busy = False


def ask_orphan(w, rep):
    past = yield from w.call(rep.store, None, w.meta.lookup, w.on('orphan_proof'))
    rep.busy, rep.heard = False, w.t - 2 * w.election
    if past is None or not rep.here() or rep.role == 'L':
        return
    _, records, pending, next_id = past
    rec = records.get(rep.range)
    if rec is None:
        waits = any(rep.frozen_for(o.range, 1 << 60) and (o.state is None or rep.frozen_for(o.range, o.state.desc.epoch) and
                    o.state.desc.end <= rep.bounds()[0]) for o in rep.store.replicas.values())
        if waits and w.on('orphan_frozen'):
            return
        if rep.range < next_id and (rep.range not in pending or not w.on('orphan_pending')):
            rep.store.destroy(rep)
            w.count['orphans'] += 1
        return
    own = rep.state.desc.epoch if rep.state else 0
    if rec.epoch < own or members(rec.conf).get(rep.rid) == rep.store.i:
        others = (o for o in rep.store.replicas.values() if o is not rep)
        if rep.state is None and not any(overlap(o.bounds(), (rec.start, rec.end)) for o in others):
            rep.wanted = rep.store.wanted[rep.range] = (rec.start, rec.end)
        return
    if rep.rid < rec.next_rid or not w.on('orphan_next_id'):
        rep.store.destroy(rep)
        w.count['orphans'] += 1


# ---- clients

def route(w, key, r):
    known = [d for d in w.routes if d.start <= key < d.end]
    if r.random() < w.stale:
        d = r.choice(known[-12:])
    else:
        d = max(known[-12:], key=lambda x: (x.epoch, x.id))
    reps = [rep for s in w.stores for rep in s.replicas.values() if rep.range == d.id and rep.state]
    lead = [rep for rep in reps if rep.role == 'L']
    return d, r.choice(lead if lead and r.random() < .9 else reps) if reps else None


def read(w, store, keys, ts, refresh=False, until=1 << 60):
    """At one timestamp, in as many ranges as it takes. None: given up."""
    seen, tries = {}, 0
    while len(seen) < len(keys) and tries < 25 and w.t < until:
        tries += 1
        key = next(k for k in keys if k not in seen)
        d, rep = route(w, key, w.r)
        if rep is None:
            yield 10 * MS
            continue
        part = tuple(k for k in keys if d.start <= k < d.end)
        reply = yield from w.call(store, rep.store.i, serve_read, w, rep, d.epoch, part, ts, refresh)
        if reply is None or reply[0] != 'ok':
            yield w.r.randint(1, 20) * MS
            continue
        seen.update(reply[1])
    return seen if len(seen) == len(keys) else None


def client(w, store):
    r = w.r
    while w.t < FAULT_END:
        yield r.randint(1, w.think)
        kind = r.random()
        for share, what in w.mix:
            if kind < share:
                yield from what(w, store)
                break


def some_keys(w):
    return tuple(sorted(set(w.r.randrange(KEYS) for _ in range(w.r.choice((1, 2, 3, 4))))))


def read_only(w, store):
    keys = some_keys(w)
    ts = yield from w.clock()
    seen = yield from read(w, store, keys, ts)
    if seen is not None:
        w.count['reads'] += 1
        w.reads.append((ts, {k: ct for k, (ct, _) in seen.items()}))


def read_write(w, store, system=False):
    """Reads anywhere, writes into one range: (a), or (c) when it has read elsewhere."""
    keys = (0,) if system else some_keys(w)
    ts = yield from w.clock()
    seen = yield from read(w, store, keys, ts)
    if seen is None:
        return
    seen = {k: ct for k, (ct, _) in seen.items()}
    target = 0 if system else w.r.randrange(1, KEYS)
    for _ in range(8):
        d, rep = route(w, target, w.r)
        if rep is None:
            return
        own = {k: ct for k, ct in seen.items() if d.start <= k < d.end}
        writes = tuple(sorted({target} | ({k for k in own if k > 0 and w.r.random() < .5} if not system else set())))
        others = {k: ct for k, ct in seen.items() if k not in own}
        reply = yield from w.call(store, rep.store.i, serve_commit, w, rep, d.epoch, ts, own, writes, others, None, seen)
        if reply is None or reply[0] in ('unknown', 'conflict'):
            return
        if reply[0] == 'ok':
            w.acked.append(reply[2])
            w.count['commits'] += 1
            w.count['over ranges'] += len(others) > 0
            return
        yield w.r.randint(1, 20) * MS


def by_lease(w, store):
    """An autocommit write of one key by what this node knows of the catalog."""
    cached = store.cache
    if cached is None or cached[0] < w.M or w.r.random() < w.eager:
        d, rep = route(w, 0, w.r)
        if rep is None or rep.state is None:
            return
        reply = yield from w.call(store, rep.store.i, serve_lease, w, rep)
        if reply is None or reply[0] != 'ok':
            return
        cached = store.cache = reply[1:]
    until, ct = cached
    target = w.r.randrange(1, KEYS)
    d, rep = route(w, target, w.r)
    if rep is None:
        return
    if w.r.random() < .2:
        yield w.r.randint(1, 2 * w.lease)
    reply = yield from w.call(store, rep.store.i, serve_commit, w, rep, d.epoch, 0, {}, (target,), {}, until, {0: ct})
    if reply and reply[0] == 'ok':
        w.acked.append(reply[2])
        w.count['leased'] += 1


def add(w, store):
    key = w.r.randrange(1, KEYS)
    d, rep = route(w, key, w.r)
    if rep is not None:
        reply = yield from w.call(store, rep.store.i, serve_add, w, rep, d.epoch, key)
        if reply and reply[0] == 'ok':
            w.acked.append(reply[2])
            w.count['added'] += 1


def change_catalog(w, store):
    yield from read_write(w, store, True)
    w.count['ddl'] += 1


# ---- the world

class World:
    def __init__(self, seed, off):
        self.r, self.off, self.t, self.M, self.events, self.seq = random.Random(seed), off, 0, 1, [], 0
        r = self.r
        self.n = r.choice((3, 4, 5, 5))
        self.delay = r.choice((1, 3, 8)) * MS
        self.tick = 10 * MS
        self.election = r.choice((60, 120)) * MS
        self.lag = r.choice((5, 40, 150)) * MS
        self.think = r.choice((4, 15, 40)) * MS
        self.gap = r.choice((60, 150, 300)) * MS
        self.loss = r.choice((0, .02, .1))
        self.cuts, self.tag = [], 0
        self.count = collections.Counter()
        self.elected, self.terms, self.history, self.confs, self.digests = {}, {}, {}, {}, {}
        self.versions, self.tags, self.txns, self.reads, self.acked = collections.defaultdict(list), {}, {}, [], []
        self.routes, self.former, self.gone = [], {}, set()
        kinds = ['split', 'split', 'split', 'move', 'move', 'merge', 'crash', 'crash', 'crash_all', 'cut', 'cut', 'flush', 'flush', 'campaign',
                 'bounce_split', 'bounce_split', 'leader_crash']
        self.lease, self.eager, self.stall, self.patience, self.far = 120 * MS, .1, 20 * MS, 300 * MS, 0
        self.linger = 20 * MS
        self.often, self.slow, self.clients, self.stale = .03, None, (1, 2, 4), .25
        self.mix = ((.33, read_only), (.65, read_write), (.73, add), (.95, by_lease), (1, change_catalog))
        profile = seed // PROFILE
        self.heirs = profile == 6       # right sides of splits are inherited; in the others they elect a leader
        if profile == 1:
            kinds = self.of_changes(r)
        if profile == 2:
            kinds = self.of_leases(r)
        if profile == 3:
            kinds = self.of_lag(r)
        if profile == 4:
            kinds = self.of_merges(r)
        if profile == 5:
            kinds = self.of_slow(r)
        if profile == 7:
            kinds = self.of_freezes(r)
        self.kinds = r.sample(kinds, r.randint(5, len(kinds)))
        self.stores = [Store(self, i) for i in range(self.n)]
        self.found()

    # Histories of one kind, in which a rule is needed often that is seldom needed otherwise.

    def of_changes(self, r):
        self.lease = r.choice((120, 600)) * MS
        return ['split', 'split', 'merge', 'merge', 'merge', 'merge', 'merge', 'move', 'leader_crash', 'leader_crash', 'cut', 'flush',
                'flush', 'bounce_split', 'move_and_crash', 'move_and_crash']

    def of_leases(self, r):
        """The catalog changes all the time, and all the time somebody asks for a promise that it does not."""
        self.lease, self.eager, self.election, self.gap = r.choice((120, 600, 1500)) * MS, r.choice((.1, .7)), 60 * MS, r.choice((100, 100, 2000)) * MS
        self.think = 4 * MS
        self.mix = ((.1, read_only), (.2, read_write), (.75, by_lease), (1, change_catalog))
        return ['flush_and_crash', 'flush_and_crash', 'flush_and_crash', 'leader_crash', 'crash', 'cut', 'flush', 'move', 'split']

    def of_lag(self, r):
        """Replicas apply late, the clock and the metadata range answer late."""
        self.lag, self.election, self.stall = r.choice((150, 400)) * MS, 60 * MS, r.choice((20, 150)) * MS
        self.far = r.choice((0, 150, 400)) * MS
        self.think = 4 * MS
        return ['split', 'split', 'split', 'move', 'move', 'move', 'leader_crash', 'campaign', 'campaign', 'campaign', 'flush', 'cut']

    def of_merges(self, r):
        """All ranges have the same three voters."""
        self.n, self.lag, self.gap = 3, r.choice((5, 150, 400)) * MS, r.choice((30, 80)) * MS
        return ['split', 'split', 'merge', 'merge', 'merge', 'merge', 'merge', 'leader_crash', 'crash', 'campaign', 'flush', 'cut',
                'bounce_split']

    def of_freezes(self, r):
        """Merges that fail half way, under many writes: leaders of either side change, and so do the ranges."""
        self.n, self.lag, self.gap, self.think, self.clients = 3, r.choice((40, 150)) * MS, r.choice((15, 30)) * MS, 2 * MS, (4, 6)
        self.election, self.loss = 60 * MS, r.choice((0, .05))
        self.mix = ((.2, read_only), (.4, read_write), (.9, add), (1, by_lease))
        return ['split', 'split', 'merge', 'merge', 'merge', 'merge', 'merge', 'campaign', 'campaign', 'leader_crash', 'flush', 'cut']

    def of_slow(self, r):
        """One store applies late, the clock answers late, everybody wants to lead: what is served rests on old states."""
        self.n, self.lag, self.slow, self.election, self.gap = 3, 5 * MS, 0, 60 * MS, r.choice((60, 150)) * MS
        self.think, self.stall, self.often, self.loss, self.clients = 2 * MS, 60 * MS, .04, 0, (4, 6)
        self.mix = ((.4, read_only), (.6, read_write), (.9, add), (1, by_lease))
        self.stale, self.linger = .7, r.choice((20, 400)) * MS
        return ['split', 'split', 'split', 'split', 'campaign_slow', 'campaign_slow', 'flush', 'there_and_back', 'there_and_back']

    def on(self, rule):
        return rule not in self.off

    def found(self):
        r, records = self.r, {}
        bounds = sorted({0, KEYS} | ({r.randrange(2, KEYS)} if r.random() < .7 else set()))
        for k, (a, b) in enumerate(zip(bounds, bounds[1:])):
            nodes = r.sample(range(self.n), 3)
            conf = Conf(tuple((i + 1, n) for i, n in enumerate(nodes)), (), ())
            d = records[k + 1] = Desc(k + 1, a, b, 1, conf, 4)
            self.routes.append(d)
            self.confs[d.id] = conf
            for rid, node in conf.voters:
                st = State(1, 1, d, {}, 0)
                self.stores[node].make(d.id, rid, st, term=1)
                self.stores[node].manifest[d.id] = (rid, st.copy())
        self.meta = Meta(self, records, len(records) + 1)

    # ---- events, messages, processes

    def at(self, dt, fn, *args):
        self.seq += 1
        heapq.heappush(self.events, (self.t + dt, self.seq, fn, args))

    def on_node(self, store, dt, fn, *args):
        inc = store.inc
        self.at(dt, lambda: store.up and store.inc == inc and fn(*args))

    def is_cut(self, a, b):
        return any(self.t < until and (a in x and b in y or both and a in y and b in x) for x, y, both, until in self.cuts)

    def send(self, a, b, fn, *args):
        """b None: the metadata range."""
        r = self.r
        if r.random() < (self.loss if self.t < FAULT_END else 0) or self.is_cut(a, b):
            return
        dt = r.randint(100, self.delay) if r.random() < .97 or self.t >= FAULT_END else r.randint(1, 300) * MS
        if self.far and self.t < FAULT_END and (a is None or b is None):
            dt += r.randint(1, self.far)
        for _ in range(2 if r.random() < .02 else 1):
            self.at(dt, lambda: (b is None or self.stores[b].up) and fn(*args))

    def spawn(self, store, gen):
        inc = store.inc if store else 0

        def step():
            if store is not None and (not store.up or store.inc != inc):
                return
            try:
                self.at(next(gen), step)
            except StopIteration:
                pass
        step()

    def call(self, store, node, fn, *args):
        box = []

        def serve():
            def run():
                out = fn(*args)
                if hasattr(out, 'send'):
                    out = yield from out
                self.send(node, store.i, box.append, out)
                yield 0
            self.spawn(self.stores[node] if node is not None else None, run())
        self.send(store.i, node, serve)
        for _ in range(200):
            if box:
                return box[0]
            yield 2 * MS
        return None

    def read_clock(self, past=0):
        self.M = max(self.M + 1, self.t, past + 1)
        return self.M

    def clock(self, past=0):
        yield self.r.randint(100, self.delay)
        now = self.read_clock(past)
        yield self.r.randint(100, self.delay) if self.r.random() >= self.often else self.r.randint(1, 3 * self.stall)
        return now

    # ---- what is checked on the way

    def lead(self, rep):
        key = (rep.range, rep.wal.term)
        if self.terms.setdefault(key, (rep.rid, rep.store.i)) != (rep.rid, rep.store.i):
            raise Violation('two leaders in a term')
        if rep.wal.term >= self.elected.get(rep.range, (0,))[0]:
            self.elected[rep.range] = (rep.wal.term, rep.rid)

    def chosen(self, rep, index, e):
        h = self.history.setdefault(rep.range, {})
        if h.setdefault(index, e) is not e and h[index] != e:
            raise Violation('history')
        if index in rep.w.digests.setdefault(rep.range, {}):
            return
        d = rep.state.desc
        if e.kind == 'conf':
            self.confs[rep.range] = e.body[0]
        if e.kind == 'write':
            for k, v in e.body[1]:
                if d.start <= k < d.end:
                    if self.versions[k] and self.versions[k][-1][0] >= e.body[0]:
                        raise Violation('timestamps fall')
                    self.versions[k].append((e.body[0], v))
                    self.tags.setdefault(v, set()).add(k)

    def compare(self, rep):
        st = rep.state
        digest = (st.desc, st.high, st.frozen, tuple(sorted((k, len(v), v[-1]) for k, v in st.data.items())))
        seen = self.digests.setdefault(rep.range, {})
        if seen.setdefault(st.index, digest) != digest:
            raise Violation('replicas differ')
        if self.routes[-1] != st.desc and st.desc not in self.routes[-20:]:
            self.routes.append(st.desc)

    def is_member(self, rep):
        conf = self.confs.get(rep.range)
        return conf is not None and dict(conf.voters + conf.outgoing).get(rep.rid) == rep.store.i and \
            rep.range not in self.gone

    # ---- faults

    def leader(self):
        reps = [r for s in self.stores if s.up for r in s.replicas.values() if r.leads()]
        return self.r.choice(reps) if reps else None

    def fault(self):
        if self.t >= FAULT_END:
            self.cuts = []
            return
        getattr(self, 'fault_' + self.r.choice(self.kinds))()
        self.at(self.r.randint(1, 2 * self.gap), self.fault)

    def drive(self, what):
        rep = self.leader()
        if rep is not None:
            self.spawn(rep.store, what(self, rep))
        return rep

    def fault_split(self):
        self.drive(split)

    def fault_move(self):
        self.drive(move)

    def fault_merge(self):
        self.drive(merge)

    def crash(self, store):
        if store.up:
            store.crash()
            self.at(self.r.choice((1, 20, 20, 200)) * MS, store.recover)
            self.count['crashes'] += 1

    def fault_crash(self):
        self.crash(self.r.choice(self.stores))

    def fault_leader_crash(self):
        rep = self.leader()
        if rep:
            self.crash(rep.store)

    def fault_crash_all(self):
        for s in self.stores:
            if self.r.random() < .8:
                self.crash(s)

    def fault_bounce_split(self):
        """What a split has made is not durable, and its stores start anew."""
        rep = self.drive(split)
        if rep is None:
            return
        def later():
            for s in self.stores:
                if self.r.random() < .7:
                    self.crash(s)
        self.at(self.r.choice((5, 20, 60, 150)) * MS, later)
        if self.r.random() < .4:
            self.at(self.r.randint(1, 60) * MS, self.fault_move)

    def fault_move_and_crash(self):
        """Somebody is added, and whoever said so is gone."""
        rep = self.drive(move)
        if rep is not None:
            self.at(self.r.choice((1, 3, 15, 40)) * MS, self.crash, rep.store)

    def fault_cut(self):
        r, everybody = self.r, set(range(self.n)) | {None}
        a = {r.randrange(self.n)} if r.random() < .7 else set(r.sample(range(self.n), r.randint(1, self.n - 1)))
        self.cuts = self.cuts[-5:] + [(a, everybody - a, r.random() < .7, self.t + r.randint(20, 600) * MS)]

    def fault_flush(self):
        s = self.r.choice(self.stores)
        reps = [x for x in s.replicas.values() if x.state]
        if s.up and reps:
            rep = self.r.choice(reps)
            s.flush(rep)
            if self.r.random() < .8:
                s.cut(rep)

    def fault_flush_and_crash(self):
        """Everybody who can has flushed and cut the log, and the leader is gone."""
        rep = self.leader()
        if rep is not None:
            for s in self.stores:
                other = s.replicas.get(rep.range)
                if s.up and other is not None and other.state:
                    s.flush(other)
                    s.cut(other)
            self.crash(rep.store)

    def fault_there_and_back(self):
        """Another one leads for a moment."""
        rep = self.leader()
        others = [s.replicas[rep.range] for s in self.stores if s.up and rep.range in s.replicas] if rep else []
        if others:
            self.r.choice(others).campaign()
            self.at(self.r.randint(40, 150) * MS, rep.campaign)

    def fault_campaign_slow(self):
        for rep in list(self.stores[0].replicas.values()):
            rep.campaign()

    def fault_campaign(self):
        reps = [r for s in self.stores if s.up for r in s.replicas.values()]
        if reps:
            self.r.choice(reps).campaign()

    # ---- a history

    def run(self):
        for s in self.stores:
            for _ in range(self.r.choice(self.clients)):
                self.spawn_client(s)
        self.at(100 * MS, self.fault)
        look = FAULT_END + 500 * MS
        while self.events and self.t < END:
            self.t, _, fn, args = heapq.heappop(self.events)
            fn(*args)
            if self.t > look:
                look += 200 * MS
                try:
                    self.check_rest()
                    break                                      # it is at rest: the last time out is for those that never are
                except Violation:
                    pass
        self.check()

    def spawn_client(self, s):
        """Clients outlive the process they are connected to."""
        def again():
            if self.t < FAULT_END:
                if s.up:
                    inc = s.inc
                    self.spawn(s, client(self, s))
                    watch(inc)
                else:
                    self.at(50 * MS, again)

        def watch(inc):
            if s.inc != inc:
                again()
            elif self.t < FAULT_END:
                self.at(20 * MS, watch, inc)
        again()

    def check(self):
        for tag in self.acked:
            if not self.tags.get(tag) or self.tags[tag] != self.txns[tag][2]:
                raise Violation('lost write')
        for tag, keys in self.tags.items():
            if keys != self.txns[tag][2]:
                raise Violation('torn write')
            ct, seen, _ = self.txns[tag]
            for k, at in seen.items():
                if self.at_or_below(k, ct - 1) != at:
                    raise Violation('commit on an old read')
        for ts, seen in self.reads:
            for k, at in seen.items():
                if self.at_or_below(k, ts) != at:
                    raise Violation('wrong read')
        self.check_rest()

    def at_or_below(self, key, ts):
        return max((ct for ct, _ in self.versions[key] if ct <= ts), default=0)

    def check_rest(self):
        owner = {}
        for s in self.stores:
            for rep in s.replicas.values():
                if rep.leads():
                    d = rep.state.desc
                    for k in range(d.start, d.end):
                        if k in owner:
                            raise Violation('two owners of a key')
                        owner[k] = rep
        if len(owner) != KEYS:
            raise Violation('stuck: no leader')
        for k, rep in owner.items():
            if rep.state.data.get(k, ()) != tuple(self.versions[k]):
                raise Violation('data differ from what was committed')
            if rep.state.frozen:
                raise Violation('stuck: frozen')
            if rep.conf().outgoing or rep.latch is not None:
                raise Violation('stuck: change or split')
        ranges = {rep.range: rep.state.desc for rep in owner.values()}
        for d in ranges.values():
            for rid, node in members(d.conf).items():
                if getattr(self.stores[node].replicas.get(d.id), 'rid', None) != rid:
                    raise Violation('stuck: member missing')
        if self.meta.records != ranges:
            raise Violation('stuck: mirror')
        for s in self.stores:
            for rep in s.replicas.values():
                d = ranges.get(rep.range)
                if d is None or members(d.conf).get(rep.rid) != s.i:
                    raise Violation('stuck: orphan')
                if rep.state is None or rep.state.desc != d:
                    raise Violation('stuck: replica behind')
        for left, epoch, _ in self.meta.pending.values():
            if left not in ranges or ranges[left].epoch > epoch:
                raise Violation('stuck: pending split')


if __name__ == '__main__':
    main(__doc__, World, RULES, KNOWN)
