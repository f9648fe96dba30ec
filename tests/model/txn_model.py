#!/usr/bin/env python3
"""Random model of transactions that write to several ranges, with a checker.

One history = one seed: four nodes, keys in two ranges that split, merge and change leaders, one discrete-event simulation in integer
microseconds. A node knows the time as an interval [E, L] that contains it. Every rule of the protocol is a switch (RULES).

  python3 txn_model.py --histories 20000           full protocol: no history may be rejected
  python3 txn_model.py --without push_record       one rule less (repeatable)
  python3 txn_model.py --histories 400 --table     each rule in turn, a Markdown table
  python3 txn_model.py --brief                     the test: 0 for the full protocol, > 0 for each rule at its seeds
  python3 txn_model.py --histories 1 --seed 77 --show

Modelled: reads over several ranges (cap, floor, intents, gate), locks in queues, commits of one range in one entry and held ones, prepares
of which each takes its own reading, who waits and who gives way, the refresh at the final timestamp, a decision record in the range of
the anchor, its leader that resolves and forgets, decisions by whoever is blocked, staged commits, which are acknowledged before their record
is there, and their recovery, promises that the catalog does not change, idempotency keys that are used twice, splits with latch
and merges with freeze under all of that, moves (the epoch rises), leaders that crash, are cut off under their lease or hand over, logs of
which the next leader has any part of the uncommitted tail, coordinators that die at each step or stall, messages that are lost, late or
doubled. A lease is taken for granted (lease_model.py), and that the interval contains the time; how ranges split and merge, replicas,
snapshots and the metadata range are in range_model.py. Versions are never collected.

Checked: what a commit read is current at its ct, what a reader saw is the newest at its ts; ct lies between begin and acknowledgement, ts
not before begin, and nothing is shown before its time; per key timestamps rise in the order of the log; a transaction is all there or not at
all, acknowledged ones are, aborted ones are not, and only one attempt of it is; one effect per idempotency key; at the end no intent and no
record is left, and nobody waits ("stuck").

Reading order: RULES, State.apply, Leader, read, prepare, refresh, decide, settle, present, push, recover, Txn.commit_many, World.split.
"""
import collections
import heapq
import random

from histories import Violation, main

RULES = {
    'gate_clock': 'what is shown lies in the past for sure: reads wait until E is above it',
    'gate_durable': 'and is committed',
    'gate_term': 'as an entry of that term, not only of that index',
    'commit_wait': 'a commit is acknowledged when E is above its ct',
    'read_floor': 'reads and refreshes raise the floor; commits stay above it',
    'cap': 'a leader serves at ts when its own L has reached ts',
    'leader_floor': 'a new leader begins with a floor of L + w_max',
    'leader_high': 'nor does any leader go below what its log holds',
    'leader_intents': 'and with the intents and records of its range',
    'lease_wait': 'a new leader serves when the lease of the old one is over',
    'lease_recheck': 'lease and bounds are looked at after ts was capped, and after every wait',
    'intents_block': 'a read waits for a foreign intent whose lower bound is not above ts',
    'onepc_intent': 'a commit in one entry waits for foreign intents on what it reads or writes',
    'hold': 'a commit in one range that read elsewhere holds its writes while that is refreshed at its ct',
    'validate': 'a commit or prepare looks again at what was read in its range, in the step that proposes it',
    'validate_locked': 'what was read under a lock is looked at as well: locks are lost with the leader',
    'prepare_floor': 'a lower bound lies above what was read in the range, and above what is written there',
    'prepare_intent': 'a prepare does not stand over intents of others, nor over what they are held for',
    'prepare_again': 'a prepare that comes twice finds its own intents, and has the lower bound that they have',
    'prepare_by_key': 'of these keys: after a merge those of another group are there too',
    'prepare_part': 'and is refused when there is a part of them only: what is left may have been committed, and would be overwritten',
    'wait_die': 'it waits for younger attempts only; so does a refresh of who has prepared: no circles',
    'refresh_final': 'what was read and is not written is looked at again at ct',
    'refresh_intents': 'a refresh does not pass a foreign intent that may commit below it',
    'first_decision': 'there is one decision: COMMITTED is refused where ABORTED stands',
    'decision_durable': 'nobody acts on a decision that is not committed in its log',
    'decide_window': 'COMMITTED is refused once the floor has reached the end of the window of the attempt',
    'window_reading': 'that there never will be one is said when a reading, too, is past its end: a floor begins above those of later leaders',
    'decide_once': 'after COMMITTED was asked for its coordinator does not abort by itself',
    'busy_unknown': 'a refusal for the window says nothing: it may have been decided, resolved and forgotten before',
    'push_record': 'who gives up on somebody else has ABORTED decided before an intent is removed',
    'resolve_all': 'COMMITTED names the spans of every group, that of the anchor too: it may be divided by then',
    'resolve_durable': 'a range has resolved when the entry that did it is committed',
    'resolve_high': 'and raises what its log holds to ct',
    'resolve_anew': 'a new leader resolves and forgets what records it finds',
    'forget_resolved': 'COMMITTED is forgotten when every span has been resolved, wherever it lives by then',
    'forget_window': 'no record is forgotten before its window is over',
    'forget_floor': 'and before the floor says so, to later leaders too',
    'prepare_found': 'and has not looked at what this request has read: it was another one, of another range perhaps, that did',
    'merge_floor': 'a merged range goes on above the floors of both',
    'merge_records': 'and resolves and forgets the records that come with the right side',
    'split_latch': 'from its proposal on nothing touches the right half until a split is applied',
    'split_floor': 'the right side begins above the floor of the left one, which its entry tells, and may rely on that alone',
    'split_intents': 'intents go with their keys',
    'split_records': 'records go with the key of their anchor',
    'staged_reads': 'a commit is staged only when nothing that it has read needs a refresh',
    'staged_lease': 'the end of a promise that it rests on is the highest ct that it may get',
    'staged_recovery': 'who gives up on somebody else does not abort a staged attempt, but finds out whether it is committed',
    'staged_keys': 'it is, when there is an intent on each of the keys that are listed; one in the same range is not enough',
    'staged_durable': 'and committed in the log',
    'staged_poison': 'a key that has none gets a mark in the log, and a prepare of that attempt is refused there from then on',
    'staged_poison_durable': 'nobody is told that there is none before that mark is committed',
    'staged_poison_window': 'until the window of the attempt is over',
    'staged_poison_floor': 'and the floor says so, to later leaders too',
    'staged_poison_split': 'marks go with their keys',
    'staged_list_whole': 'all keys are listed but the anchor, those of its own group too: they may be divided by then',
    'staged_give_up': 'its coordinator gives it up by an ABORTED record at the anchor, and obeys what it finds there',
    'staged_first': 'a staged prepare is refused where its attempt is decided',
    'staged_late': 'where a staged intent stands the window is not over: COMMITTED is accepted, and nobody answers that there is no record',
    'staged_abort_whole': 'ABORTED takes the staged intent away with it',
    'staged_explicit': 'intents become versions when COMMITTED stands in the log',
    'staged_doubt': 'who had to ask twice for a prepare takes the ct that the record says',
    'known_staged': 'before a decision is in the log it is shown only of a staged attempt, of which its coordinator has every answer',
    'known_ct': 'and what is shown through its intents is as of the ct that the coordinator says, not of their lb',
    'idem_row': 'the row of an idempotency key is read and written like any other',
    'idem_anchor': 'and lies where the key says, whatever is written',
}
KEYS, NODES = 6, 4
CLIENT_END, FAULT_END, END = 5000, 5500, 60000
PROFILE = 100000                 # seeds from here on, and from each multiple, are of another kind, in turns: World.of_...
OLD = 1000                       # after that who does not answer for an attempt may be given up
HOLD = 1000                      # so long a leader holds a commit
# Seeds at which `--brief` has to see a violation without the rule; None: those at which it must see none with all of them.
KNOWN = {
    None: tuple(kind * PROFILE + n for kind, many in enumerate((20, 4, 4, 12, 6, 10, 6)) for n in range(1, many + 1)),
    'gate_clock': (100002,), 'gate_durable': (300005,), 'gate_term': (1,), 'commit_wait': (200001,), 'read_floor': (100002,),
    'cap': (100968,), 'leader_floor': (200006,), 'leader_high': (100003,), 'leader_intents': (1,), 'lease_wait': (200096,),
    'lease_recheck': (300002,), 'intents_block': (100001,), 'onepc_intent': (100001,), 'hold': (1,), 'validate': (200001,),
    'validate_locked': (200002,), 'prepare_floor': (100001,), 'prepare_intent': (100001,), 'prepare_again': (1,),
    'prepare_by_key': (100001,), 'prepare_part': (401228,), 'wait_die': (16,), 'refresh_final': (1,), 'refresh_intents': (15,),
    'first_decision': (100001,), 'decision_durable': (7,), 'decide_window': (100001,), 'window_reading': (304958,), 'decide_once': (31,),
    'busy_unknown': (31,), 'push_record': (300001,), 'resolve_all': (200010,), 'resolve_durable': (27,), 'resolve_high': (100035,), 'resolve_anew': (1,),
    'forget_resolved': (13,), 'forget_window': (100001,), 'forget_floor': (300002,), 'prepare_found': (200388,),
    'merge_floor': (500194,), 'merge_records': (200006,), 'split_latch': (200002,), 'split_floor': (500028,),
    'split_intents': (100001,), 'split_records': (200011,), 'staged_reads': (300002,), 'staged_lease': (100003,),
    'staged_recovery': (100001,), 'staged_keys': (300014,), 'staged_durable': (300023,), 'staged_poison': (300024,),
    'staged_poison_durable': (300456,), 'staged_poison_window': (300024,), 'staged_poison_floor': (300749,),
    'staged_poison_split': (300023,), 'staged_list_whole': (300041,), 'staged_give_up': (300002,), 'staged_first': (300003,),
    'staged_late': (100001,), 'staged_abort_whole': (400119,), 'staged_explicit': (300015,), 'staged_doubt': (300531,), 'known_staged': (600048,), 'known_ct': (600965,),
    'idem_row': (200001,), 'idem_anchor': (200001,),
}
Version = collections.namedtuple('Version', 'ct tag at')             # at: (term, index) of the entry that wrote it
Intent = collections.namedtuple('Intent', 'tag begin lb anchor at staged')      # staged: the other keys, with the anchor's intent
Record = collections.namedtuple('Record', 'status ct spans begin at')  # status: C(ommitted), A(borted); spans: (low, high), both inclusive
NONE = Version(0, None, (0, 0))


def older(a, b):
    return (a.begin, a.tag) < (b.begin, b.tag)


class Answer:
    """Of a request: the first that comes, or none within a time."""
    def __init__(self):
        self.here, self.value, self.sleepers = False, None, []

    def put(self, value):
        if not self.here:
            self.here, self.value = True, value
            for step in self.sleepers:
                step()


class State:
    """What the entries of a log make. A leader has one that is ahead of what is committed."""
    def __init__(self, start, end):
        self.start, self.end, self.high = start, end, 0
        self.versions, self.intents, self.records = {}, {}, {}       # records: by (anchor, tag)
        self.marks = {}                                             # by (key, tag): begin of the attempt, and where it stands

    def copy(self):
        s = State(self.start, self.end)
        s.high = self.high
        s.versions = {k: v[:] for k, v in self.versions.items()}
        s.intents, s.records, s.marks = dict(self.intents), dict(self.records), dict(self.marks)
        return s

    def owns(self, key):
        return self.start <= key[0] < self.end

    def newest(self, key, ts=1 << 60):
        return next((v for v in reversed(self.versions.get(key, ())) if v.ct <= ts), NONE)

    def apply(self, at, e, w, truth=None):
        """truth: the entry is committed; what it writes is there from now on."""
        kind, a = e[0], e[1:]
        if kind == 'write':
            tag, keys, ct = a
            for k in keys:
                self.add(k, Version(ct, tag, at), truth)
        elif kind == 'prepare':
            for k in a[0]:
                if self.owns(k):
                    self.intents[k] = a[1]._replace(at=at, staged=a[1].staged if k == a[1].anchor else None)
            self.high = max(self.high, a[1].lb)
        elif kind == 'record':
            anchor, tag, rec = a
            if self.owns(anchor):
                self.records[anchor, tag] = rec._replace(at=at)
                if truth is not None:
                    truth.decided(tag, rec)
            if rec.status == 'C':
                self.resolve(at, tag, (0, ''), (KEYS, ''), rec.ct, w, truth)
            elif truth is not None and w.on('staged_abort_whole'):   # one that is only proposed takes nothing away
                self.resolve(at, tag, (0, ''), (KEYS, ''), None, w, truth)
        elif kind == 'resolve':
            self.resolve(at, *a, w, truth)
        elif kind == 'forget':
            self.records.pop(a, None)
        elif kind == 'mark':
            for k in a[0]:
                self.marks[k, a[1]] = (a[2], at)
        elif kind == 'unmark':
            self.marks.pop(a, None)
        elif kind == 'split':
            self.end = a[0]
            self.versions, self.intents = ({k: x for k, x in of.items() if self.owns(k)} for of in (self.versions, self.intents))
            self.records, self.marks = ({t: x for t, x in of.items() if self.owns(t[0])} for of in (self.records, self.marks))

    def resolve(self, at, tag, low, high, ct, w, truth):
        for k in sorted(self.mine(tag, low, high)):
            i = self.intents.pop(k)
            if ct is not None and i.lb <= ct:                  # else it came too late to be counted: it goes
                high = self.high
                self.add(k, Version(ct, tag, at), truth)
                if not w.on('resolve_high'):
                    self.high = high

    def mine(self, tag, low, high):
        return [k for k, i in self.intents.items() if i.tag == tag and low <= k <= high]

    def add(self, key, v, truth):
        if not self.owns(key):
            return
        self.high = max(self.high, v.ct)
        chain = self.versions.setdefault(key, [])
        if truth is not None:
            truth.write(key, v, chain)
        chain.append(v)
        chain.sort(key=lambda x: x.ct)

    def take_in(self, right, floor):
        none = (0, 0)
        self.end, self.high = right.end, max(self.high, right.high, floor)
        self.versions.update({k: [v._replace(at=none) for v in c] for k, c in right.versions.items()})
        self.intents.update({k: i._replace(at=none) for k, i in right.intents.items()})
        self.records.update({t: r._replace(at=none) for t, r in right.records.items()})
        self.marks.update({t: (begin, none) for t, (begin, _) in right.marks.items()})

    def right_of(self, w, key, end, floor):
        on, s, none = w.on, State(key, end), (0, 0)
        s.high = max(self.high, floor)
        s.versions = {k: [v._replace(at=none) for v in c] for k, c in self.versions.items() if s.owns(k)}
        s.intents = {k: i._replace(at=none) for k, i in self.intents.items() if s.owns(k) and on('split_intents')}
        s.records = {t: r._replace(at=none) for t, r in self.records.items() if s.owns(t[0]) and on('split_records')}
        s.marks = {t: (begin, none) for t, (begin, _) in self.marks.items() if s.owns(t[0]) and on('staged_poison_split')}
        return s


class Range:
    """A group: its log, how far it is committed, who leads."""
    def __init__(self, w, state, node, floor=None):
        self.w, self.log, self.commit, self.applied, self.acks, self.epoch = w, [], 0, state, set(), 1
        self.frozen, self.settling, self.sleepers = False, 0, []
        self.leader = Leader(self, node, 1, 0)
        w.spawn(self.leader.begin(floor))

    def term_at(self, index):
        return self.log[index - 1][0] if index else 0

    def elect(self, how):
        """The next leader has any part of what was not committed."""
        w, old = self.w, self.leader
        old.deposed, old.lease_end = True, w.t if how != 'cut off' else w.t + w.r.randint(50, 600)
        old.dead = how == 'crash'
        del self.log[w.r.randint(self.commit, len(self.log)):]
        self.acks = set()
        node = w.r.choice([n for n in range(NODES) if n != old.node])
        self.leader = Leader(self, node, old.term + 1, max(old.lease_end, old.old_lease))
        w.spawn(self.leader.begin(None))
        self.stir()

    def stir(self):
        """Whoever waits for an entry looks again."""
        sleepers, self.sleepers = self.sleepers, []
        for step in sleepers:
            self.w.at(0, step)

    def ack(self, leader, index):
        if self.leader is not leader:
            return
        self.acks.update(range(self.commit + 1, index + 1) if self.term_at(index) == leader.term else ())
        while self.commit + 1 in self.acks:
            self.commit += 1
            term, e = self.log[self.commit - 1]
            before = self.applied
            if e[0] == 'split':
                right = before.right_of(self.w, e[1], before.end, e[2])
                self.settling += 1
                self.w.spawn(self.w.born(self, right, e))
            if e[0] == 'merge':
                self.w.united(self, e[1], e[2])
            self.applied.apply((term, self.commit), e, self.w, self.w.truth)
            if e[0] == 'record' and e[3].status == 'A' and self.w.on('staged_abort_whole'):
                of = self.leader.state.intents
                for k in [k for k, i in of.items() if i.tag == e[2] and i.at <= (term, self.commit)]:
                    del of[k]
            self.stir()


class Leader:
    """One leadership: floor, locks, and the state with all that was proposed. It dies with the term."""
    def __init__(self, rng, node, term, old_lease):
        self.rng, self.w, self.node, self.term = rng, rng.w, node, term
        self.state, self.length = rng.applied.copy(), len(rng.log)
        for i in range(rng.commit, len(rng.log)):
            self.state.apply((rng.term_at(i + 1), i + 1), rng.log[i][1], self.w)
        self.floor, self.queues, self.serving, self.deposed, self.dead = 0, {}, False, False, False
        self.held, self.held_high = {}, 0                      # by key: (tag, ct, epoch, until)
        self.known = set()                                     # tags of which it knows that they are committed, in the log or not
        self.standing = {}                                     # the ct of those of which nothing is in the log here but intents
        if not self.w.on('leader_intents') and rng.commit:
            self.state.intents, self.state.records, self.state.marks = {}, {}, {}
        self.lease_end, self.old_lease, self.latch = 1 << 60, old_lease, None
        self.splitting = any(e[0] in ('split', 'merge') for _, e in rng.log[rng.commit:])

    def begin(self, floor):
        w = self.w
        at = self.propose(('noop',))
        if not (yield from self.durable(at)):
            return
        while w.on('lease_wait') and w.t <= self.old_lease:
            yield self.old_lease - w.t + 1
        self.floor = w.late(self.node) + w.w_max if w.on('leader_floor') else 0
        if w.on('leader_high'):
            self.floor = max(self.floor, self.state.high)
        if floor is not None:
            self.floor = max(floor, self.floor if w.r.random() < .5 else 0)
        self.splitting = False
        self.serving = True
        for anchor, tag in list(self.state.records) if w.on('resolve_anew') else ():
            w.spawn(settle(w, self, anchor, tag))
        for key, tag in list(self.state.marks) if w.on('resolve_anew') else ():
            w.spawn(unmark(w, self, key, tag))

    def stays(self):
        return self.serving and not self.dead and (not self.deposed or self.w.t < self.lease_end)

    def leads(self):
        return self.stays() and not self.rng.frozen

    def may(self, keys, epoch):
        return self.leads() and (epoch is None or epoch == self.rng.epoch or self.deposed) and all(self.state.owns(k) for k in keys)

    def latched(self, keys):
        return self.latch is not None and any(k[0] >= self.latch for k in keys)

    def propose(self, e):
        self.length += 1
        at = (self.term, self.length)
        self.state.apply(at, e, self.w)
        if not self.deposed:
            self.rng.log.append((self.term, e))
            self.w.at(self.w.round(), self.rng.ack, self, self.length)
        return at

    def durable(self, at):
        """True: that entry is committed. False: it never will be, as far as this leader can know."""
        term, index = at
        while not self.dead:
            rng = self.rng
            if rng.commit >= index and (rng.term_at(index) == term or not self.w.on('gate_term') or index == 0):
                return True
            if self.deposed:
                return False
            yield rng
        return False

    def foreign(self, keys, tag, ts=1 << 60):
        return next((i for k in keys for i in [self.state.intents.get(k)] if i and i.tag != tag and i.lb <= ts), None)

    def held_by_others(self, keys, tag, ts=1 << 60):
        for k in keys:
            if k in self.held and (self.held[k][2] != self.rng.epoch or self.held[k][3] <= self.w.t):
                del self.held[k]
        return any(k in self.held and self.held[k][0] != tag and self.held[k][1] <= ts for k in keys)

    def above(self):
        high = self.state.high if self.w.on('leader_high') else 0
        return max(self.floor, high, self.held_high) + 1

    def raise_floor(self, ts):
        if self.w.on('read_floor'):
            self.floor = max(self.floor, ts)

    def capped(self, ts):
        while self.w.on('cap') and self.w.late(self.node) < ts and not self.dead:
            yield max(2, (ts - self.w.late(self.node)) // 2)

    def seen_through(self, key, ts):
        """What a read sees of a key: its newest version, or what its intent stands for."""
        i = self.state.intents.get(key)
        ct = i and self.standing.get(i.tag)
        if ct and not self.w.on('known_ct'):
            ct = i.lb
        return Version(ct, i.tag, i.at) if ct and i.lb <= ct <= ts else self.state.newest(key, ts)

    def free(self, keys, tag, ts, epoch):
        """Until nothing foreign is in the way, and we may still look. None: we may not."""
        for _ in range(60):
            if not self.may(keys, epoch):
                return None
            unknown = [k for k in keys if k not in self.state.intents or self.state.intents[k].tag not in self.standing]
            other, held = self.foreign(unknown, tag, ts), self.held_by_others(keys, tag, ts)
            if not self.latched(keys) and not held and (other is None or not self.w.on('intents_block')):
                return True
            if other is not None:
                self.w.push_soon(other, next(k for k in keys if self.state.intents.get(k) is other), self.node)
                if self.w.shows_known:
                    self.w.spawn(be_told(self.w, self, other))
            yield 12
            if not self.w.on('lease_recheck'):
                return True
        return None

    def gate(self, shown, known=False):
        w = self.w
        if w.on('gate_durable') and not known and not (yield from self.durable(max(v.at for v in shown))):
            return False
        if w.on('gate_clock'):
            yield from w.past(self.node, max(v.ct for v in shown))
        return True


# ---- what leaders do. None: not here, not now, nothing is known.

def read(w, g, epoch, keys, ts, tag):
    """R1 to R4."""
    if not g.may(keys, epoch):
        return None
    yield from w.pause()
    ts = ts or w.late(g.node)
    yield from g.capped(ts)
    if w.on('lease_recheck') and not g.may(keys, epoch):
        return None
    g.raise_floor(ts)
    if not (yield from g.free(keys, tag, ts, epoch)):
        return None
    seen = {k: g.seen_through(k, ts) for k in keys}
    w.count['read before'] += any(v.tag in g.standing for v in seen.values())
    return (ts, seen) if (yield from g.gate(seen.values())) else None


def lock(w, g, epoch, key, txn):
    """W2: the head of the queue has it; the grant is a read at this leader's own time."""
    queue, begun = g.queues.setdefault(key, []), w.t
    queue.append((txn, begun))
    while w.t < begun + 600 and g.may([key], epoch):
        while queue and w.t > queue[0][1] + OLD:
            queue.pop(0)                                       # its session is gone
        ts, v, other = w.late(g.node), g.state.newest(key), g.foreign([key], None)
        free = not other and not g.held_by_others([key], None) and not g.latched([key])
        if queue and queue[0][0] == txn and free and v.ct <= ts:
            g.raise_floor(ts)
            known = w.shows_known and v.tag in g.known
            w.count['shown before'] += known and g.rng.commit < v.at[1]
            return (ts, v) if (yield from g.gate([v], known)) else None
        if other:
            w.push_soon(other, key, g.node)
        yield 30
    unlock(w, g, [key], txn)
    return None


def unlock(w, g, keys, txn):
    for k in keys:
        if k in g.queues:
            g.queues[k][:] = [x for x in g.queues[k] if x[0] != txn]


def release(w, g, epoch, key, txn):
    yield 0
    if not g.may([key], epoch):
        return None
    unlock(w, g, [key], txn)
    return ('ok',)


def changed(w, g, seen, locked, ts):
    """Of what was read, something is not as it was, up to ts."""
    return any(g.state.newest(k, ts).ct != v.ct for k, v in seen.items() if k not in locked or w.on('validate_locked'))


def locked_by_others(g, keys, h):
    return any(g.queues.get(k) and g.queues[k][0][0] != h for k in keys)


def one_entry(w, g, epoch, h, tag, seen, locked, holds):
    """T1: all in one range, one step, one entry. holds: not yet an entry, for what was read elsewhere is looked at first (H1)."""
    keys, begun = h.all_writes(), w.t
    touched = tuple(keys) + tuple(seen)
    while True:
        ct0 = w.late(g.node)
        yield w.r.choice((0, 0, 3, 30))
        if not g.may(touched, epoch) or w.t > begun + 600:
            return ('again',)
        ct = max([ct0, g.above()] + [g.state.newest(k).ct + 1 for k in touched])
        other = g.foreign(touched, tag, ct) if w.on('onepc_intent') else None
        busy = locked_by_others(g, keys, h) or g.held_by_others(touched, tag) or g.latched(touched)
        if other is None and not busy and ct <= w.late(g.node) + 2 * w.w_max:
            break
        if other is not None:
            w.push_soon(other, next(k for k in touched if g.state.intents.get(k) is other), g.node)
        yield 10
    if h.idem and w.on('idem_row') and g.state.newest(h.idem).ct:
        return ('done before',)
    if w.on('validate') and changed(w, g, seen, locked, 1 << 60):
        return ('changed',)
    if seen:
        g.raise_floor(ct)
    if holds and w.on('hold'):
        for k in keys:
            g.held[k] = (tag, ct, g.rng.epoch, w.t + HOLD)
        g.held_high = max(g.held_high, ct)
        return 'held', ct
    unlock(w, g, keys, h)
    if not (yield from g.durable(g.propose(('write', tag, tuple(keys), ct)))):
        return None
    return 'ok', ct


def go_on(w, g, epoch, h, tag, ct):
    """H3. What was held is here still, or nothing has happened."""
    keys, floor = h.all_writes(), g.rng.epoch
    yield 0
    mine = all(g.held.get(k, (None,))[0] == tag and g.held[k][2] == floor and w.t < g.held[k][3] for k in keys)
    if not g.leads() or not all(g.state.owns(k) for k in keys) or not mine or g.latched(keys):
        return ('again',)
    unlock(w, g, keys, h)
    at = g.propose(('write', tag, tuple(keys), ct))
    for k in keys:
        del g.held[k]
    return ('ok', ct) if (yield from g.durable(at)) else None


def let_go(w, g, epoch, h, tag):
    yield 0
    for k in h.all_writes():
        if g.held.get(k, (None,))[0] == tag:
            del g.held[k]
    return ('ok',)


def prepare(w, g, epoch, h, att, keys, seen, locked, staged):
    """P1, P2. Its answer: the lower bound of its intents. staged: the other keys, with the group of the anchor."""
    touched = tuple(keys) + tuple(seen)
    while True:
        reading = w.late(g.node)
        yield w.r.choice((0, 0, 3, 30))
        yield from w.pause()
        if not g.may(touched, epoch):
            return None
        if w.on('staged_poison') and any((k, att.tag) in g.state.marks for k in keys):
            return ('changed',)
        if staged and w.on('staged_first') and (att.anchor, att.tag) in g.state.records:
            return ('changed',)
        mine = [i for k, i in g.state.intents.items() if i.tag == att.tag and (k in keys or not w.on('prepare_by_key'))]
        if mine and (len(mine) == len(keys) or not w.on('prepare_by_key')) and w.on('prepare_again'):
            return ('ok', max(i.lb for i in mine), True) if (yield from g.durable(max(i.at for i in mine))) else None
        if 0 < len(mine) < len(keys) and w.on('prepare_part'):
            return ('wait',)
        other = None
        if w.on('prepare_intent'):
            other = g.foreign(touched, att.tag)
            if locked_by_others(g, keys, h) or g.held_by_others(touched, att.tag):
                return ('wait',)
        if other is None and not g.latched(touched):
            break
        if other is not None:
            w.push_soon(other, next(k for k in touched if g.state.intents.get(k) is other), g.node)
            if w.on('wait_die') and older(other, att):
                return ('wait',)
        yield 12
    if h.idem in keys and w.on('idem_row') and g.state.newest(h.idem).ct:
        return ('done before',)
    if w.on('validate') and changed(w, g, seen, locked, 1 << 60):
        return ('changed',)
    lb = max(reading, g.above()) if w.on('prepare_floor') else reading
    if lb > att.ct_max:
        return ('late',)
    if seen:
        g.raise_floor(lb)
    at = g.propose(('prepare', tuple(keys), Intent(att.tag, att.begin, lb, att.anchor, None, staged)))
    unlock(w, g, keys, h)
    return ('ok', lb, False) if (yield from g.durable(at)) else None


def refresh(w, g, epoch, seen, locked, ts, tag, att):
    """T4. att: of who has prepared; who has not waits for everybody."""
    yield from g.capped(ts)
    if not g.may(seen, epoch):
        return None
    g.raise_floor(ts)
    while True:
        other = g.foreign(seen, tag, ts) if w.on('refresh_intents') else None
        held = g.held_by_others(seen, tag, ts) if w.on('refresh_intents') else None
        if not other and not held and not g.latched(seen):
            break
        if att and w.on('wait_die') and (held or other and older(other, att)):
            return ('changed',)
        if other:
            w.push_soon(other, next(k for k in seen if g.state.intents.get(k) is other), g.node)
        yield 12
        if not g.may(seen, epoch):
            return None
    return ('changed',) if changed(w, g, seen, locked, ts) else ('ok',)


def decide(w, g, epoch, tag, begin, anchor, what, ct, spans):
    """P3: the first decision stands, and is the answer. what: C, A (by somebody else), G (by its coordinator, or who knows that it never
    will be committed), or nothing: to ask. K is C, which its coordinator knows to be so whatever becomes of this: it may wait for company."""
    if not g.may([anchor], epoch) or g.latched([anchor]):
        return None
    if what == 'K' and w.shows_known and tag not in g.standing:
        g.standing[tag] = ct
        yield w.r.choice((0, 0, 100, 500))
        return (yield from decide(w, g, epoch, tag, begin, anchor, what, ct, spans))
    known, what = what == 'K', 'C' if what == 'K' else what
    old = g.state.records.get((anchor, tag))
    if old is not None and (w.on('first_decision') or old.status == ('C' if what == 'C' else 'A') or not what):
        return old if not w.on('decision_durable') or (yield from g.durable(old.at)) else None
    if not what:
        return ('none',) if not w.on('decision_durable') or (yield from g.durable((g.term, g.length))) else None
    here = g.state.intents.get(anchor)
    staged = here is not None and here.tag == tag and here.staged is not None
    if staged and what == 'A' and w.on('staged_recovery'):
        return ('staged', here) if not w.on('staged_durable') or (yield from g.durable(here.at)) else None
    over = g.floor >= begin + w.window and not (staged and w.on('staged_late'))
    if over and w.on('decide_window'):
        for_good = not w.on('window_reading') or w.may_read(g.node) >= begin + w.window
        answer = (('never',) if for_good else ('none',)) if what == 'A' else ('busy',)
        return answer if (yield from g.durable((g.term, g.length))) else None
    rec = Record('C' if what == 'C' else 'A', ct, spans, begin, None)
    at = g.propose(('record', anchor, tag, rec))
    if known:
        g.known.add(tag)
    w.spawn(settle(w, g, anchor, tag))
    if not w.on('decision_durable'):
        return rec._replace(at=at)
    return rec if (yield from g.durable(at)) else None


def resolve(w, g, epoch, low, high, tag, ct):
    if not g.may([low, high], epoch) or g.latched([low, high]):
        return None
    if not g.state.mine(tag, low, high):
        return ('ok',) if not w.on('resolve_durable') or (yield from g.durable((g.term, g.length))) else None
    at = g.propose(('resolve', tag, low, high, ct))
    g.known.add(tag)
    return ('ok',) if not w.on('resolve_durable') or (yield from g.durable(at)) else None


def settle(w, g, anchor, tag):
    """P4: the leader of the anchor tells everybody, and forgets when nobody can come too late any more."""
    rec = g.state.records[anchor, tag]
    if w.on('decision_durable') and not (yield from g.durable(rec.at)):
        return
    yield w.r.choice((0, 0, 0, 500))
    boxes = [w.begin(resolve_span(w, tag, low, high, rec.ct, g)) for low, high in (rec.spans if rec.status == 'C' else ())]
    for box in boxes if w.on('forget_resolved') else ():
        while not box:
            yield 12
        if not box[0]:
            return
    if w.on('forget_window'):
        yield from w.over(g.node, rec.begin)
    while g.stays() and (g.rng.frozen or g.latched([anchor])):
        yield 10                                               # the split or merge may come to nothing
    if not g.stays() or not g.state.owns(anchor):
        return
    if w.on('forget_floor'):
        g.floor = max(g.floor, w.late(g.node))
    g.propose(('forget', anchor, tag))


def present(w, g, epoch, tag, begin, key):
    """S1. Is there an intent of that attempt on the key? If not, there never will be one."""
    if not g.may([key], epoch) or g.latched([key]):
        return None
    found = [i for k, i in g.state.intents.items() if i.tag == tag and (k == key or not w.on('staged_keys'))]
    if found:
        return ('here', found[0].lb) if not w.on('staged_durable') or (yield from g.durable(found[0].at)) else None
    if (key, tag) in g.state.marks:
        at = g.state.marks[key, tag][1]
    else:
        at = g.propose(('mark', (key,), tag, begin))
        w.spawn(unmark(w, g, key, tag))
        w.count['marks'] += 1
    return ('missing',) if not w.on('staged_poison_durable') or (yield from g.durable(at)) else None


def unmark(w, g, key, tag):
    """A mark is forgotten as a record is."""
    begin = g.state.marks[key, tag][0]
    yield w.r.choice((0, 0, 0, 500))
    if w.on('staged_poison_window'):
        yield from w.over(g.node, begin)
    while g.stays() and (g.rng.frozen or g.latched([key])):
        yield 10
    if g.stays() and g.state.owns(key):
        if w.on('staged_poison_floor'):
            g.floor = max(g.floor, w.late(g.node))
        g.propose(('unmark', key, tag))


# ---- what anybody does who is blocked

def ask(w, key, fn, *args, tries=40):
    """At the leader of the key's range, until there is an answer."""
    for _ in range(tries):
        rng = w.range_of(key)
        out = yield from w.call(rng, fn, *args)
        if out is not None:
            return out
        yield w.r.randint(5, 80)
    return None


def resolve_span(w, tag, low, high, ct, g=None, tries=1 << 30):
    """Range by range, as they are now. g: as long as it leads; where the anchor lives now it is done again else."""
    while tries and (g is None or g.stays()):
        rng = w.range_of(low)
        end = (rng.applied.end, '')
        upto = min(high, (end[0] - 1, '~'))
        out = yield from w.call(rng, resolve, low, upto, tag, ct)
        if out is not None and high < end:
            return True
        if out is not None:
            low = end
            continue
        tries -= 1
        yield w.r.randint(5, 80)
    return False


def stands(w, g, epoch, tag):
    """It needs no leadership: what stands does so for ever."""
    yield 0
    return ('stands', g.standing.get(tag))


def be_told(w, g, intent):
    """Who leads another range hears of a decision that is in no log yet."""
    out = yield from w.call(w.range_of(intent.anchor), stands, intent.tag)
    if out is not None and out[1]:
        g.standing[intent.tag] = out[1]


def push(w, intent, key):
    """P5: the record decides; when there is none, and nobody answers for the attempt, we have it aborted."""
    tag, anchor = intent.tag, intent.anchor
    out = yield from ask(w, anchor, decide, tag, intent.begin, anchor, None, None, ())
    if out == ('none',) and (not w.alive[tag] or w.t > w.begun[tag] + w.patience and w.r.random() < w.deaf):
        out = ('never',)
        if w.on('push_record'):
            out = yield from ask(w, anchor, decide, tag, intent.begin, anchor, 'A', None, ())
    if out is not None and out[0] == 'staged':
        out = yield from recover(w, out[1])
    if isinstance(out, Record) or out == ('never',):
        ct = out.ct if isinstance(out, Record) and out.status == 'C' else None
        yield from resolve_span(w, tag, key, key, ct, tries=20)
    w.pushing.discard((tag, key))


def recover(w, i):
    """S2. A staged attempt without a record is committed if everything that it lists is prepared."""
    w.count['recoveries'] += 1
    cts = [i.lb]
    for key in i.staged:
        out = yield from ask(w, key, present, i.tag, i.begin, key)
        if out is None:
            return None
        if out[0] == 'missing':
            w.count['recovered as aborted'] += 1
            return (yield from ask(w, i.anchor, decide, i.tag, i.begin, i.anchor, 'G', None, ()))
        cts.append(out[1])
    w.count['recovered as committed'] += 1
    spans = tuple((k, k) for k in i.staged + (i.anchor,))
    return (yield from ask(w, i.anchor, decide, i.tag, i.begin, i.anchor, 'C', max(cts), spans))


# ---- coordinators

class Attempt:
    """One try to commit: a reading and a tag of its own. Repeated, it keeps the reading: so it grows old, and others give way."""
    def __init__(self, w, begin, anchor):
        w.next += 1
        self.tag, self.begin, self.anchor, self.staged, self.ct_max = w.next, begin, anchor, False, begin + w.window
        self.doubt, self.others = False, ()
        w.begun[self.tag], w.alive[self.tag] = w.t, True


class Txn:
    def __init__(self, w, node, idem):
        self.w, self.node, self.idem, self.begin_real = w, node, idem, w.t
        self.ts, self.seen, self.locked, self.writes = w.late(node), {}, set(), set()
        self.status, self.ct, self.end, self.attempts, self.relies = 'unknown', None, None, [], None
        w.history.append(self)

    def all_writes(self):
        return tuple(sorted(self.writes)) + ((self.idem,) if self.idem else ())

    def run(self):
        w, r = self.w, self.w.r
        yield from w.pause()
        for _ in range(r.choice((1, 2, 2, 3))):
            key, how = (r.randrange(KEYS), ''), r.random()
            if how < w.blind:
                self.writes.add(key)                           # whatever is there
            elif how < w.blind + w.locks:
                if not (yield from self.take(key)):
                    return self.finish('aborted')
                if not w.shows_known or r.random() < .7:
                    self.writes.add(key)
            else:
                if not (yield from self.fetch([key])):
                    return self.finish('aborted')
                if r.random() < .5:
                    self.writes.add(key)
            yield r.choice((0, 0, 10, 200))
        if not self.writes:
            return self.finish('read')
        return (yield from self.commit())

    def finish(self, status, ct=None):
        w = self.w
        self.status, self.ct, self.end = status, ct, w.t
        for att in self.attempts:
            w.alive[att.tag] = False
        w.count[status] += 1
        if status != 'gone':
            for key in self.locked:
                w.spawn(ask(w, key, release, key, self, tries=3))

    def fetch(self, keys):
        w, missing = self.w, [k for k in keys if k not in self.seen]
        for _ in range(20):
            if not missing:
                return True
            rng = w.range_of(missing[0])
            part = tuple(k for k in missing if w.range_of(k) is rng)
            out = yield from w.call(rng, read, part, self.ts, None)
            if out is None:
                yield w.r.randint(5, 80)
                continue
            self.seen.update(out[1])
            missing = [k for k in missing if k not in self.seen]
        return False

    def take(self, key):
        """A lock; what was read before moves to the time of the grant."""
        w = self.w
        out = yield from ask(w, key, lock, key, self, tries=4)
        if out is None:
            return False
        ts, v = out
        if v.ct > self.ts:
            if self.seen and not (yield from self.refresh_all(self.seen, ts)):
                return False
            self.ts = ts
        if key in self.seen and self.seen[key].ct != v.ct:
            return False
        self.seen[key] = v
        self.locked.add(key)
        return True

    def refresh_all(self, seen, ts, tag=None, att=None, tries=12):
        w, left = self.w, dict(seen)
        while left and tries:
            tries -= 1
            rng = w.range_of(next(iter(left)))
            part = {k: v for k, v in left.items() if w.range_of(k) is rng}
            out = yield from w.call(rng, refresh, part, self.locked, ts, tag, att)
            if out == ('changed',):
                return False
            if out is None:
                yield w.r.randint(5, 60)
                continue
            for k in part:
                del left[k]
        return not left

    # committing

    def commit(self):
        w, r, keys = self.w, self.w.r, self.all_writes()
        if r.random() < .05:
            return self.finish('gone')                         # its node died
        if w.same_range(keys):
            return (yield from self.commit_one(w.range_of(keys[0]), not w.same_range(keys + tuple(self.seen))))
        begin = r.choice((self.ts, w.late(self.node)))
        for n in range(1, 5):
            out = yield from self.commit_many(keys, begin)
            if out != 'wait':
                return out
            w.count['gave way'] += 1
            yield r.randint(1, 200 * n)
        return self.finish('aborted')

    def new_attempt(self, begin, anchor):
        att = Attempt(self.w, begin, anchor)
        for a in self.attempts:
            self.w.alive[a.tag] = False                        # nobody answers for those that were given up
        self.attempts.append(att)
        return att

    def commit_one(self, rng, holds):
        w = self.w
        att, here = self.new_attempt(0, None), {k: v for k, v in self.seen.items() if w.range_of(k) is rng}
        out = yield from w.call(rng, one_entry, self, att.tag, here, self.locked, holds)
        if out is not None and out[0] == 'held':
            w.count['held'] += 1
            ct, there = out[1], {k: v for k, v in self.seen.items() if k not in here}
            if w.on('refresh_final') and not (yield from self.refresh_all(there, ct, att.tag)):
                w.spawn(w.call(rng, let_go, self, att.tag))
                return self.finish('aborted')
            out = yield from w.call(rng, go_on, self, att.tag, ct)
        if out is None:
            self.finish('unknown')                             # the request may still be under way
        elif out[0] == 'ok':
            yield from self.acknowledge(out[1])
        else:
            self.finish('done before' if out[0] == 'done before' else 'aborted')

    def acknowledge(self, ct):
        w = self.w
        if w.on('commit_wait'):
            yield from w.past(self.node, ct)
        self.finish('ok', ct)

    def commit_many(self, keys, begin):
        """C1. One round: prepare everywhere, refresh, decide."""
        w, r = self.w, self.w.r
        att = self.new_attempt(begin, self.idem if self.idem and r.random() < .5 else r.choice(keys))
        dies = r.choice(('prepares', 'prepared', 'refreshed', 'decide')) if r.random() < w.deaths else None
        groups, boxes = [], []
        wide = r.random() < .3                                 # spans beside the points that it writes
        att.staged = r.random() < w.staging and (all(k in keys for k in self.seen) and not wide or not w.on('staged_reads'))
        if att.staged and r.random() < .5:                     # it relies on the catalog, which it knows by a promise
            self.relies, until = w.catalog_promise(self.node)
            if w.on('staged_lease'):
                att.ct_max = min(att.ct_max, until)
        own = () if w.on('staged_list_whole') else tuple(k for k in keys if w.range_of(k) is w.range_of(att.anchor))
        att.others = tuple(k for k in keys if k != att.anchor and k not in own)
        for rng in sorted({w.range_of(k) for k in keys}, key=id_of):
            part = tuple(k for k in keys if w.range_of(k) is rng)
            parts = [part] if r.random() < .8 else [(k,) for k in part]   # of what is much several are made
            boxes += [w.begin(self.prepare_group(att, some, groups)) for some in parts]
        w.count['two phases'] += 1
        if dies == 'prepares':
            return self.finish('gone')
        while not all(boxes) and all(b[0] == ('ok',) for b in boxes if b):   # the first that fails ends it
            yield 12
        w.count['prepared'] += 1
        bad = next((b[0] for b in boxes if b and b[0] != ('ok',)), None)
        if dies == 'prepared':
            return self.finish('gone')
        if att.staged and bad is None:
            return (yield from self.staged(att, keys, groups, dies))
        if att.staged and w.on('staged_give_up'):
            w.count['staged in vain'] += 1
            out = yield from ask(w, att.anchor, decide, att.tag, att.begin, att.anchor, 'G', None, (), tries=20)
            if out is None or out == ('busy',) and w.on('busy_unknown'):
                return self.finish('unknown')
            if isinstance(out, Record) and out.status == 'C':
                w.count['committed by others'] += 1
                return (yield from self.acknowledge(out.ct))
        if bad is not None:
            self.relies = None
            self.give_back(att, keys)
            return 'wait' if bad == ('wait',) else self.finish('done before' if bad == ('done before',) else 'aborted')
        ct = max(lb for _, lb, _ in groups)
        sure = {k for _, lb, here in groups for k in here if lb == ct}   # who picked ct has looked up to it
        rest = {k: v for k, v in self.seen.items() if k not in sure and (wide or k not in keys)}
        late = ct > begin + w.window
        if late or w.on('refresh_final') and not (yield from self.refresh_all(rest, ct, att.tag, att)):
            self.give_back(att, keys)
            return self.finish('aborted')
        if dies == 'refreshed':
            return self.finish('gone')
        spans = tuple((min(part), max(part)) for part, _, _ in groups if w.on('resolve_all') or att.anchor not in part)
        decided = w.begin(self.decide_commit(att, ct, spans, 'C' if w.on('known_staged') else 'K'))
        if dies == 'decide':
            yield r.randint(0, 500)
            return self.finish('gone')
        while not decided:
            yield 4
        return (yield from self.decided(att, keys, *decided[0]))

    def prepare_group(self, att, part, groups):
        """Again until there is an answer; a split may have made several of it."""
        w, left = self.w, list(part)
        if w.r.random() < w.slow:
            yield w.r.randint(0, w.slowest)                    # what is sent last may be sent long after what is sent first
        while left:
            rng = w.range_of(left[0])
            some = tuple(k for k in left if w.range_of(k) is rng)
            here = {k: v for k, v in self.seen.items() if w.range_of(k) is rng}
            staged = att.others if att.staged and att.anchor in some else None
            out = yield from w.call(rng, prepare, self, att, some, here, self.locked, staged)
            if out is not None and out[0] != 'ok':
                return out
            att.doubt |= out is None or out[2]
            if out is not None:
                groups.append((some, out[1], {} if out[2] and w.on('prepare_found') else here))
                left = [k for k in left if k not in some]
                continue
            yield w.r.randint(5, 60)
        return ('ok',)

    def staged(self, att, keys, groups, dies):
        """C3. It is committed; the record is for those who meet its intents."""
        w, ct = self.w, max(lb for _, lb, _ in groups)
        spans = tuple((min(part), max(part)) for part, _, _ in groups)
        if att.doubt and w.on('staged_doubt'):
            out = yield from self.decide_commit(att, ct, spans, 'C')
            if isinstance(out[0], Record) and out[0].status == 'C':
                w.count['ok staged, asked'] += 1
                return (yield from self.acknowledge(out[0].ct))
            return self.finish('unknown')
        w.count['ok staged'] += 1
        if dies == 'refreshed':
            return self.finish('gone')
        if w.on('commit_wait'):
            yield from w.past(self.node, ct)
        if not w.on('staged_explicit'):
            for k in keys:
                w.spawn(resolve_span(w, att.tag, k, k, ct, tries=1))
        decided = dies != 'decide' and w.begin(self.decide_commit(att, ct, spans, 'K'))
        self.finish('ok', ct)
        w.alive[att.tag] = dies != 'decide' and w.r.random() < .5
        while decided is not False and not decided:
            yield 12
        w.alive[att.tag] = False

    def give_back(self, att, keys):
        """C2: best effort, once each. Nothing was decided, and nothing will be but by somebody else."""
        w = self.w
        w.alive[att.tag] = False
        if w.r.random() < w.gives_back:
            for k in keys:
                w.spawn(w.call(w.range_of(k), resolve, k, k, att.tag, None))

    def decide_commit(self, att, ct, spans, what):
        w = self.w
        yield w.r.choice((0, 0, 0, 200, w.window // 2, w.window))   # a coordinator that was thought to be dead
        if w.late_decision:
            yield w.r.randint(0, w.late_decision)
        for n in range(40):
            out = yield from w.call(w.range_of(att.anchor), decide, att.tag, att.begin, att.anchor, what, ct, spans)
            if out is not None:
                return out, n == 0
            yield w.r.randint(5, 80)
        return None, False

    def decided(self, att, keys, out, first):
        """What stands in the anchor is how it ended."""
        w = self.w
        if isinstance(out, Record) and out.status == 'C':
            w.count['ok in two'] += 1
            return (yield from self.acknowledge(out.ct))
        refused = out == ('busy',) and not w.on('busy_unknown')
        if isinstance(out, Record) or refused or not w.on('decide_once'):
            self.give_back(att, keys)
            return self.finish('aborted')
        return self.finish('unknown')


def id_of(rng):
    return rng.number


# ---- the world

class Truth:
    """What is committed, wherever: what the checker goes by."""
    def __init__(self):
        self.versions, self.records = collections.defaultdict(dict), {}

    def write(self, key, v, chain):
        if self.versions[key].get(v.ct, v.tag) != v.tag:
            raise Violation('two versions at one time')
        if v.ct not in self.versions[key] and chain and chain[-1].ct >= v.ct:
            raise Violation('timestamps fall')
        self.versions[key][v.ct] = v.tag

    def decided(self, tag, rec):
        old = self.records.setdefault(tag, rec)
        if (old.status, old.ct) != (rec.status, rec.ct):
            raise Violation('two decisions')


class World:
    def __init__(self, seed, off):
        self.r, self.off, self.t, self.events, self.seq, self.next = random.Random(seed), off, 0, [], 0, 0
        r = self.r
        self.truth, self.history, self.count = Truth(), [], collections.Counter()
        self.begun, self.alive, self.pushing = {}, {}, set()
        self.w_max = r.choice((10, 80, 300))
        self.net, self.log = r.choice((10, 40, 120)), r.choice((20, 100, 300))
        self.stalls, self.base = r.choice((0, .03, .1)), 1000000
        self.window, self.deaf = r.choice((700, 2000, 5000)), r.choice((0, .3, 1))
        self.wide = [[(0, r.random(), r.random())] for _ in range(NODES)]
        self.old, self.idem_share, self.numbers = [], r.choice((0, .3, .6)), 0
        self.loss, self.late_share, self.gap, self.elections, self.splits, self.merges = .03, .04, None, .5, .2, .15
        self.deaths, self.busy, self.spread, self.bursts, self.clients = .15, 1, True, False, r.choice((2, 4, 8))
        self.copies, self.copy_late, self.patience, self.gives_back, self.late_decision = .03, 0, OLD, .8, 0
        self.staging, self.blind = r.choice((0, .5, 1)), r.choice((.2, .2, .8))
        self.slow, self.slowest = r.choice((0, 0, .2)), r.choice((500, 3000))
        self.shows_known, self.locks = False, .25
        self.catalog, self.promised, self.lease = [0], 0, r.choice((100, 500, 3000))
        kinds = (self.of_mixed, self.of_wide, self.of_losses, self.of_staged, self.of_copies, self.of_hasty, self.of_hot)
        kinds[seed // PROFILE % len(kinds)](r)
        middle = r.randrange(1, KEYS)
        self.ranges = []
        for a, b in ((0, middle), (middle, KEYS)):
            self.enter(Range(self, State(a, b), r.randrange(NODES)))

    # Histories of one kind, in which a rule is needed often that is seldom needed otherwise.

    def of_mixed(self, r):
        pass

    def of_wide(self, r):
        """The time is hardly known, and while it is not a leader changes, then another one, or the range is divided."""
        self.w_max, self.net, self.log, self.stalls, self.window = r.choice((1000, 2000)), 10, 20, 0, r.choice((2000, 3000))
        self.late_share, self.deaths, self.busy, self.bursts = .01, r.choice((.15, .5)), 4, True
        self.blind = r.choice((.2, .5))

    def of_losses(self, r):
        """Answers are lost, and requests sent again to what has become another range."""
        self.w_max, self.net, self.log, self.stalls, self.loss = r.choice((300, 1000)), 10, 20, 0, r.choice((.15, .3))
        self.window, self.deaf, self.late_share, self.spread, self.deaths, self.busy = 5000, 0, 0, False, 0, 4
        self.gap, self.elections, self.splits, self.merges = r.choice((100, 300)), .4, .2, .4

    def of_staged(self, r):
        """Commits are staged, some of their parts come late, and who meets the others does not wait for long."""
        self.staging, self.deaf, self.patience, self.blind = 1, 1, r.choice((50, 300)), r.choice((.3, .8))
        self.slow, self.slowest = r.choice((.1, .4)), r.choice((300, 1000, 3000))
        self.w_max, self.net, self.log, self.stalls = r.choice((10, 10, 2000)), r.choice((10, 40)), r.choice((20, 300)), 0
        self.window, self.loss, self.deaths = r.choice((700, 2000, 5000)), r.choice((.03, .3)), r.choice((.05, .4))
        self.idem_share, self.late_share = r.choice((0, 0, .3)), .01
        self.gap, self.elections, self.splits, self.merges = r.choice((100, 300, 1000)), r.choice((.2, .6)), .2, .15

    def of_copies(self, r):
        """Requests come twice, the second time late, where few transactions meet what they leave behind."""
        self.staging, self.window, self.copies, self.copy_late, self.gives_back = 1, 700, .4, r.choice((300, 700)), .2
        self.w_max, self.net, self.log, self.stalls, self.idem_share, self.clients = 10, 10, 20, 0, 0, r.choice((2, 3))
        self.deaf, self.loss, self.deaths, self.late_share, self.blind = 0, .03, 0, .01, r.choice((.3, .6))
        self.gap = 1000

    def of_hasty(self, r):
        """Who meets an intent gives its coordinator up at once, whose decision comes late, to a range that has been merged or divided."""
        self.staging, self.deaf, self.patience, self.late_decision, self.blind = r.choice((0, 0, 1)), 1, 50, 500, r.choice((.3, .6))
        self.w_max, self.net, self.log, self.stalls, self.idem_share, self.deaths = r.choice((10, 2000)), 10, 20, 0, 0, 0
        self.bursts, self.window, self.clients, self.loss = self.w_max > 10, r.choice((700, 2000)), r.choice((2, 4)), .03
        self.gap, self.elections, self.splits, self.merges = r.choice((100, 200)), .1, .4, .5
        if self.bursts:
            self.window, self.staging, self.gap, self.merges = 2000, 0, 300, .2

    def of_hot(self, r):
        """What is written is locked first, and shown to who is next before it is in the log."""
        self.shows_known, self.locks, self.blind, self.staging, self.clients = True, .5, .3, r.choice((0, .5, 1)), r.choice((2, 3))
        self.w_max, self.net, self.log, self.stalls, self.idem_share, self.late_share = 10, 10, r.choice((100, 300)), 0, 0, .01
        self.deaf, self.patience, self.copies, self.copy_late = 1, r.choice((50, 300)), r.choice((0, .4)), 300
        self.deaths, self.loss, self.window = .05, r.choice((.03, .1)), r.choice((700, 2000))
        self.gap, self.elections, self.splits, self.merges = r.choice((200, 500)), .7, .1, .1

    def on(self, rule):
        return rule not in self.off

    def enter(self, rng):
        self.numbers += 1
        rng.number = self.numbers
        self.ranges.append(rng)

    # time: the true one lies in [early, late], and the width is at most w_max

    def now(self):
        return self.base + self.t

    def interval(self, node):
        at, a, b = self.wide[node][-1]
        if self.t > at + 150:
            self.wide[node][-1] = (self.t, self.r.choice((0, self.r.random(), 1)), self.r.choice((0, self.r.random(), 1)))
            at, a, b = self.wide[node][-1]
        return self.now() - int(a * self.w_max / 2), self.now() + int(b * self.w_max / 2)

    def early(self, node):
        return self.interval(node)[0]

    def late(self, node):
        return self.interval(node)[1]

    def may_read(self, node):
        """What it could have read of late, as far as that is above the time."""
        return self.now() + int(self.wide[node][-1][2] * self.w_max / 2)

    def past(self, node, ct):
        """Until E is above it."""
        while self.early(node) <= ct:
            yield max(1, min(ct - self.early(node) + 1, self.wide[node][-1][0] + 151 - self.t))

    def over(self, node, begin):
        """Until the window of an attempt is over, as far as that node knows."""
        while self.late(node) <= begin + self.window:
            yield max(50, begin + self.window - self.late(node) - self.w_max)

    # events, processes, messages

    def at(self, dt, fn, *args):
        self.seq += 1
        heapq.heappush(self.events, (self.t + dt, self.seq, fn, args))

    def spawn(self, gen):
        """It yields how long it waits, or what has `sleepers`."""
        def step():
            wait = next(gen, None)
            if isinstance(wait, int):
                self.at(wait, step)
            elif wait is not None:
                wait.sleepers.append(step)
        step()

    def begin(self, gen):
        """In parallel; the box gets what comes out."""
        box = []

        def run():
            box.append((yield from gen))
        self.spawn(run())
        return box

    def delay(self):
        r = self.r
        if self.t < FAULT_END and r.random() < self.late_share:
            return r.choice((300, 1000, 3000))
        return r.randint(1, self.net)

    def round(self):
        return self.r.randint(5, self.log)

    def pause(self):
        if self.r.random() < self.stalls and self.t < FAULT_END:
            yield self.r.randint(100, 1500)

    def call(self, rng, fn, *args):
        """None: no answer, or one that says nothing. A request may come late, and twice."""
        answer, lost = Answer(), self.t < FAULT_END and self.r.random() < self.loss
        epoch = rng.epoch if self.r.random() < .9 else None

        def serve():
            g = rng.leader
            if self.old and self.r.random() < .5:
                g = next((x for x in self.old if x.rng is rng and x.leads()), g)
            if not g.dead:
                def run():
                    out = yield from fn(self, g, epoch, *args)
                    if not lost:
                        self.at(self.delay(), answer.put, out)
                self.spawn(run())
        self.at(self.delay(), serve)
        if fn not in (one_entry, go_on) and self.t < FAULT_END and self.r.random() < self.copies:
            self.at(self.delay() * 3 + self.r.randint(0, self.copy_late), serve)
        self.at(1000, answer.put, None)
        yield answer
        return answer.value

    def range_of(self, key):
        return next((g for g in self.ranges if g.applied.owns(key)), self.ranges[0])   # it is being born: ask anybody

    def same_range(self, keys):
        return len({self.range_of(k) for k in keys}) == 1

    # the catalog: what was promised not to change does not, up to then. Its own range is taken for granted.

    def catalog_promise(self, node):
        self.promised = max(self.promised, self.late(node) + self.r.randint(0, self.lease))
        return self.catalog[-1], self.promised

    def catalog_changes(self):
        while self.t < CLIENT_END:
            yield self.r.randint(100, 2000)
            self.catalog.append(max(self.promised, self.late(0), self.catalog[-1]) + 1)

    def push_soon(self, intent, key, node):
        if (intent.tag, key) not in self.pushing:
            self.pushing.add((intent.tag, key))
            self.spawn(push(self, intent, key))

    # splits, moves, faults

    def split(self, rng):
        g, st = rng.leader, rng.leader.state
        if not g.leads() or g.deposed or g.splitting or st.end - st.start < 2:
            return
        key = self.r.randrange(st.start + 1, st.end)
        g.splitting = True
        if self.on('split_latch'):
            g.latch = key
        floor = max(g.floor, self.late(g.node) + self.w_max, st.high) if self.on('split_floor') else 0
        # The leader's own state keeps the right half until it has applied the split.
        g.length += 1
        rng.log.append((g.term, ('split', key, floor)))
        self.at(self.round(), rng.ack, g, g.length)
        self.count['splits'] += 1

    def born(self, left, state, e):
        g, r = left.leader, self.r
        left.epoch += 1
        yield r.randint(0, 30)                                 # replicas apply at their own pace
        right = Range(self, state, g.node if r.random() < .6 else r.randrange(NODES), e[2])
        right.epoch = left.epoch
        self.enter(right)
        yield r.choice((0, 20, 200))
        # Who leads by then has had it in its log, or begins with a state that is divided.
        if g.state.end > e[1]:
            g.state.apply(None, e, self)
        if g.latch in (None, e[1]):                            # else it divides again already
            g.latch, g.splitting = None, False
        left.settling -= 1

    # What is frozen stays so, through leader changes, until the entry in the log of the left is there, or will never be.

    def quiet(self, rng):
        g = rng.leader
        return g.leads() and not g.deposed and g.latch is None and not g.splitting and not rng.settling

    def unite(self, left):
        right = next((x for x in self.ranges if x.applied.start == left.applied.end), None)
        if right is None or not self.quiet(left) or not self.quiet(right):
            return
        right.frozen = True
        yield self.r.randint(0, 30)
        while right.commit < len(right.log):
            yield 5
        g = left.leader
        if self.quiet(left) and left.applied.end == right.applied.start:
            g.splitting = True
            floor = max(right.leader.floor, self.late(right.leader.node) + self.w_max) if self.on('merge_floor') else 0
            g.length += 1
            e = ('merge', right, floor)
            left.log.append((g.term, e))
            self.at(self.round(), left.ack, g, g.length)
            while right in self.ranges and any(x is e for _, x in left.log):
                yield 5
        right.frozen = right not in self.ranges

    def united(self, left, right, floor):
        g = left.leader
        for state in (left.applied, g.state):
            state.take_in(right.applied, floor)
        g.floor = max(g.floor, floor)
        g.splitting = False
        left.epoch = max(left.epoch, right.epoch) + 1
        right.leader.dead = True
        right.stir()
        self.ranges.remove(right)
        self.count['merges'] += 1
        for anchor, tag in list(right.applied.records) if g.serving and self.on('merge_records') else ():
            self.spawn(settle(self, g, anchor, tag))
        for key, tag in list(right.applied.marks) if g.serving and self.on('merge_records') else ():
            self.spawn(unmark(self, g, key, tag))

    def burst(self):
        """One leader goes, and before the time is known better something comes of it."""
        r = self.r
        first = r.choice(self.ranges)
        first.elect(r.choice(('crash', 'transfer')))
        yield r.randint(20, self.w_max // 4)
        if r.random() < .5:
            self.split(first)
        else:
            other = r.choice([x for x in self.ranges if x is not first] or [first])
            other.elect(r.choice(('crash', 'transfer')))
        yield r.randint(100, self.w_max)
        if len(self.ranges) > 3:
            self.spawn(self.unite(r.choice(self.ranges)))

    def faults(self):
        r = self.r
        while self.bursts and self.t < FAULT_END:
            yield r.randint(1, 1000)
            yield from self.burst()
        gap = r.choice((200, 600, 2000))
        gap = self.gap or gap
        while self.t < FAULT_END:
            yield r.randint(1, 2 * gap)
            rng, what = r.choice(self.ranges) if self.spread else self.ranges[0], r.random()
            if what < self.elections:
                self.old = [x for x in self.old if x.leads()] + [rng.leader]
                rng.elect(r.choice(('crash', 'cut off', 'cut off', 'transfer')))
            elif what < self.elections + self.splits:
                self.split(rng)
            elif what < self.elections + self.splits + self.merges:
                self.spawn(self.unite(rng))
            else:
                rng.epoch += 1                                 # a move: who asks for the old epoch is sent away

    def client(self):
        r = self.r
        while self.t < CLIENT_END:
            yield r.randint(1, 400)
            node, idem = r.randrange(NODES), None
            if r.random() < self.idem_share:
                idem = (r.randrange(KEYS), 'i%d' % r.randrange(10 ** 9))
            self.spawn(self.twice(node, idem) if idem else Txn(self, node, None).run())
            yield r.randint(50, 600) // self.busy

    def twice(self, node, idem):
        """The same request by way of two gateways, or again after no answer."""
        first = Txn(self, node, idem if self.on('idem_anchor') else None)
        if not self.on('idem_anchor'):
            first.idem = ((self.r.randrange(KEYS)), idem[1])
        self.spawn(first.run())
        first.same = idem[1]
        yield self.r.choice((0, 300, 1500))
        again = Txn(self, (node + 1) % NODES, idem if self.on('idem_anchor') else ((self.r.randrange(KEYS)), idem[1]))
        again.same = idem[1]
        self.spawn(again.run())

    def sweep(self):
        """Whoever comes along: every intent that is left is met by somebody."""
        while self.t < END:
            yield 1000
            if self.t < FAULT_END:
                continue
            for rng in self.ranges:
                if rng.leader.leads():
                    for k, i in list(rng.leader.state.intents.items()):
                        self.push_soon(i, k, rng.leader.node)

    def run(self):
        for _ in range(self.clients):
            self.spawn(self.client())
        self.spawn(self.faults())
        self.spawn(self.catalog_changes())
        self.spawn(self.sweep())
        look = FAULT_END + 3500
        while self.events and self.t < END:
            self.t, _, fn, args = heapq.heappop(self.events)
            fn(*args)
            if self.t > look:
                look = self.t + 100
                if not self.unfinished():
                    break
        self.check()

    def unfinished(self):
        for what, of in (('intent', [g.applied.intents for g in self.ranges]), ('record', [g.applied.records for g in self.ranges]),
                         ('mark', [g.applied.marks for g in self.ranges]),
                         ('transaction', [h.end is None for h in self.history])):
            if any(of):
                return what
        return None

    def check(self):
        versions, wrote = self.truth.versions, collections.defaultdict(dict)
        for k, chain in versions.items():
            for ct, tag in chain.items():
                wrote[tag][k] = ct
        effects = collections.Counter()
        for h in self.history:
            took = [wrote[a.tag] for a in h.attempts if a.tag in wrote]
            if len(took) > 1:
                raise Violation('two attempts')
            mine = took[0] if took else {}
            if mine and (set(mine) != set(h.all_writes()) or len(set(mine.values())) > 1):
                raise Violation('torn')
            if h.status == 'ok' and (not mine or set(mine.values()) != {h.ct}):
                raise Violation('lost')
            if h.status in ('aborted', 'done before') and mine:
                raise Violation('aborted but written')
            if mine and getattr(h, 'same', None):
                effects[h.same] += 1
            ct = next(iter(mine.values()), None)
            if mine:
                self.check_seen(h, ct - 1)
                if h.relies is not None and any(h.relies < at <= ct for at in self.catalog):
                    raise Violation('an old catalog')
            elif h.status == 'read':
                self.check_seen(h, h.ts)
            begin, end = self.base + h.begin_real, self.base + h.end if h.end else None
            if mine and (ct < begin or h.status == 'ok' and ct >= end):
                raise Violation('not in real time')
            if h.status == 'read' and any(v.ct >= end for v in h.seen.values()):
                raise Violation('not in real time')
        if any(n > 1 for n in effects.values()):
            raise Violation('applied twice')
        if self.unfinished():
            raise Violation('stuck: ' + self.unfinished())

    def check_seen(self, h, ts):
        for k, v in h.seen.items():
            if max((ct for ct in self.truth.versions[k] if ct <= ts), default=0) != v.ct:
                raise Violation('an old read')


if __name__ == '__main__':
    main(__doc__, World, RULES, KNOWN)
