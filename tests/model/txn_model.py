#!/usr/bin/env python3
"""Random model of transactions that write to several ranges, with a checker.

One history = one seed: four nodes, keys in two ranges that split and change leaders, one discrete-event simulation in integer microseconds.
A node knows the time as an interval [E, L] that contains it. Every rule of the protocol is a switch (RULES).

  python3 txn_model.py --histories 20000           full protocol: no history may be rejected
  python3 txn_model.py --without push_record       one rule less (repeatable)
  python3 txn_model.py --histories 400 --table     each rule in turn, a Markdown table
  python3 txn_model.py --brief                     the test: 0 for the full protocol, > 0 for each rule at its seeds
  python3 txn_model.py --histories 1 --seed 77 --show

Modelled: reads over several ranges (cap, floor, intents, gate), locks in queues, commits of one range in one entry, prepare with refresh in
parallel, a decision record in the range of the anchor, parallel commit with its recovery, decisions by whoever is blocked, removal of
records and of what says that none is there (txn_gc), idempotency keys that are used twice, splits with latch under all of that, moves
(the epoch rises), leaders that crash, are cut off under their lease or hand over, logs of which the next leader has any part of the
uncommitted tail, coordinators that die or stall, messages that are lost, late or doubled. A lease is taken for granted
(lease_model.py), and that the interval contains the time; replicas, snapshots and the metadata range are in range_model.py.

Checked: what a commit read is current at its ct, what a reader saw is the newest at its ts; ct lies between begin and acknowledgement, ts
not before begin, and nothing is shown before its time; per key timestamps rise in the order of the log; a transaction is all there or not at
all, acknowledged ones are, aborted ones are not; one effect per idempotency key; at the end no intent is left ("stuck").

Reading order: RULES, State.apply, Leader, read, prepare, decide, push, recover, Txn.commit, World.split.
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
    'leader_high': 'and not below what its log holds',
    'lease_wait': 'a new leader serves when the lease of the old one is over',
    'lease_recheck': 'lease and bounds are looked at after ts was capped, and after every wait',
    'intents_block': 'a read waits for a foreign intent whose lower bound is not above ts',
    'refresh': 'what was read is looked at again at ct0, where it was read',
    'refresh_final': 'and at ct, when that is above ct0',
    'refresh_intents': 'a refresh does not pass a foreign intent that may commit below it',
    'validate_locked': 'what was read under a lock is looked at as well: locks are lost with the leader',
    'onepc_intent': 'a commit in one entry waits for foreign intents on what it reads or writes',
    'onepc_floor': 'and raises the floor to its ct when it has read',
    'first_decision': 'there is one decision: COMMITTED is refused where ABORTED stands',
    'push_record': 'who gives up on somebody else writes ABORTED before it removes an intent',
    'push_absent': 'and only where no record stands: STAGING is for recovery',
    'decision_durable': 'nobody acts on a decision that is not committed in its log',
    'txn_gc': 'what was decided and forgotten is refused: a floor for the begin of transactions',
    'gc_after_resolve': 'COMMITTED is forgotten when every key has been resolved, wherever it lives by then',
    'prepare_again': 'a prepare that comes twice finds its own intents',
    'split_latch': 'from its proposal on nothing touches the right half until a split is applied',
    'split_floor': 'the right side begins above the floor of the left one',
    'split_intents': 'intents go with their keys',
    'split_records': 'records go with the key of their anchor',
    'split_gc': 'the floor for begins goes to both sides',
    'stage_refresh_first': 'STAGING and its prepares are sent after the spans of ranges without a write were looked at',
    'stage_poison': 'recovery raises the floor over a prepare that is missing before it aborts',
    'stage_durable': 'and counts one that is committed in its log',
    'stage_obey': 'once STAGING was sent its coordinator goes by what stands in the anchor',
    'stage_explicit': 'intents are resolved when COMMITTED itself is committed',
    'idem_row': 'the row of an idempotency key is read and written like any other',
    'idem_anchor': 'and lies where the key says, whatever is written: it is the anchor',
}
KEYS, NODES = 6, 4
CLIENT_END, FAULT_END, END = 5000, 5500, 60000
OLD = 1000                       # begin of a transaction: after that its coordinator may be given up
# Seeds at which `--brief` has to see a violation without the rule. README.md has those of which none is known yet.
KNOWN = {
    'gate_clock': (33,), 'gate_term': (1,), 'commit_wait': (5,), 'read_floor': (1,), 'lease_wait': (32,), 'lease_recheck': (1,),
    'intents_block': (1,), 'refresh': (1,), 'refresh_final': (1,), 'refresh_intents': (3,), 'validate_locked': (4,), 'onepc_intent': (3,),
    'onepc_floor': (17,), 'first_decision': (1,), 'push_record': (1,), 'push_absent': (62,), 'decision_durable': (14,), 'txn_gc': (1,),
    'gc_after_resolve': (55,), 'split_latch': (3,), 'split_intents': (2,), 'split_records': (1,), 'split_gc': (5,),
    'stage_refresh_first': (1,), 'stage_obey': (14,), 'idem_row': (2,), 'idem_anchor': (1,),
}
Version = collections.namedtuple('Version', 'ct txn at')             # at: (term, index) of the entry that wrote it
Intent = collections.namedtuple('Intent', 'txn lb anchor begin at')
Record = collections.namedtuple('Record', 'status ct keys begin at')  # status: C(ommitted), A(borted), S(taging)
NONE = Version(0, None, (0, 0))


class State:
    """What the entries of a log make. A leader has one that is ahead of what is committed."""
    def __init__(self, start, end):
        self.start, self.end, self.high, self.gc, self.gc_at = start, end, 0, 0, (0, 0)
        self.versions, self.intents, self.records = {}, {}, {}

    def copy(self):
        s = State(self.start, self.end)
        s.high, s.gc, s.gc_at = self.high, self.gc, self.gc_at
        s.versions = {k: v[:] for k, v in self.versions.items()}
        s.intents, s.records = dict(self.intents), dict(self.records)
        return s

    def owns(self, key):
        return self.start <= key[0] < self.end

    def newest(self, key, ts=1 << 60):
        return next((v for v in reversed(self.versions.get(key, ())) if v.ct <= ts), NONE)

    def apply(self, at, e, truth=None):
        """truth: the entry is committed; what it writes is there from now on."""
        kind, a = e[0], e[1:]
        if kind == 'write':
            txn, keys, ct = a
            for k in keys:
                self.add(k, Version(ct, txn, at), truth)
        elif kind == 'prepare':
            for k in a[0]:
                if self.owns(k):
                    self.intents[k] = a[1]._replace(at=at)
            self.high = max(self.high, a[1].lb)
        elif kind == 'record':
            txn, rec = a
            self.records[txn] = rec._replace(at=at)
            if truth is not None:
                truth.decided(txn, rec)
        elif kind == 'resolve':
            txn, keys, ct = a
            for k in keys:
                if k in self.intents and self.intents[k].txn == txn:
                    del self.intents[k]
                    if ct is not None:
                        self.add(k, Version(ct, txn, at), truth)
        elif kind == 'forget':
            self.records.pop(a[0], None)
            if truth is not None:
                truth.records.pop(a[0], None)
        elif kind == 'gc':
            self.records = {t: r for t, r in self.records.items() if r.status != 'A' or r.begin >= a[0]}
            if a[1]:
                self.gc, self.gc_at = max(self.gc, a[0]), at
        elif kind == 'split':
            self.end = a[0]
            self.versions, self.intents = ({k: x for k, x in of.items() if self.owns(k)} for of in (self.versions, self.intents))
            self.records = {t: r for t, r in self.records.items() if self.owns(r.keys[0])}

    def add(self, key, v, truth):
        if not self.owns(key):
            return
        self.high = max(self.high, v.ct)
        chain = self.versions.setdefault(key, [])
        if truth is not None:
            truth.write(key, v, chain)
        chain.append(v)
        chain.sort(key=lambda x: x.ct)

    def right_of(self, w, key, end, floor):
        on, s, none = w.on, State(key, end), (0, 0)
        s.high, s.gc = max(self.high, floor), self.gc if on('split_gc') else 0
        s.versions = {k: [v._replace(at=none) for v in c] for k, c in self.versions.items() if s.owns(k)}
        s.intents = {k: i._replace(at=none) for k, i in self.intents.items() if s.owns(k) and on('split_intents')}
        s.records = {t: r._replace(at=none) for t, r in self.records.items() if s.owns(r.keys[0]) and on('split_records')}
        return s


class Range:
    """A group: its log, how far it is committed, who leads."""
    def __init__(self, w, state, node, floor=None):
        self.w, self.log, self.commit, self.applied, self.acks, self.epoch = w, [], 0, state, set(), 1
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
        self.leader = Leader(self, node, old.term + 1, old.lease_end)
        w.spawn(self.leader.begin(None))

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
                self.w.spawn(self.w.born(self, right, e))
            self.applied.apply((term, self.commit), e, self.w.truth)


class Leader:
    """One leadership: floor, locks, and the state with all that was proposed. It dies with the term."""
    def __init__(self, rng, node, term, old_lease):
        self.rng, self.w, self.node, self.term = rng, rng.w, node, term
        self.state, self.length = rng.applied.copy(), len(rng.log)
        for i in range(rng.commit, len(rng.log)):
            self.state.apply((rng.term_at(i + 1), i + 1), rng.log[i][1])
        self.floor, self.queues, self.serving, self.deposed, self.dead = 0, {}, False, False, False
        self.lease_end, self.old_lease, self.latch = 1 << 60, old_lease, None
        self.splitting = any(e[0] == 'split' for _, e in rng.log[rng.commit:])

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

    def leads(self):
        return self.serving and not self.dead and (not self.deposed or self.w.t < self.lease_end)

    def may(self, keys, epoch):
        return self.leads() and (epoch is None or epoch == self.rng.epoch or self.deposed) and all(self.state.owns(k) for k in keys)

    def latched(self, keys):
        return self.latch is not None and any(k[0] >= self.latch for k in keys)

    def propose(self, e):
        self.length += 1
        at = (self.term, self.length)
        self.state.apply(at, e)
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
            yield 5
        return False

    def foreign(self, keys, txn, ts=1 << 60):
        return next((i for k in keys for i in [self.state.intents.get(k)] if i and i.txn != txn and i.lb <= ts), None)

    def raise_floor(self, ts):
        if self.w.on('read_floor'):
            self.floor = max(self.floor, ts)

    def capped(self, ts):
        while self.w.on('cap') and self.w.late(self.node) < ts and not self.dead:
            yield max(2, (ts - self.w.late(self.node)) // 2)

    def free(self, keys, txn, ts, epoch, writes=()):
        """Until nothing foreign is in the way, and we may still look. None: we may not."""
        for _ in range(60):
            if not self.may(tuple(keys) + tuple(writes), epoch):
                return None
            other = self.foreign(keys, txn, ts) or self.foreign(writes, txn)
            if not self.latched(tuple(keys) + tuple(writes)) and (other is None or not self.w.on('intents_block')):
                return True
            if other is not None:
                self.w.push_soon(other, self.node)
            yield 12
            if not self.w.on('lease_recheck'):
                return True
        return None

    def gate(self, shown):
        w = self.w
        if w.on('gate_durable') and not (yield from self.durable(max(v.at for v in shown))):
            return False
        while w.on('gate_clock') and w.early(self.node) <= max(v.ct for v in shown):
            yield 4
        return True


# ---- what leaders do. None: not here, not now, nothing is known.

def read(w, g, epoch, keys, ts, txn):
    """R1 to R4."""
    if not g.may(keys, epoch):
        return None
    yield from w.pause()
    ts = ts or w.late(g.node)
    yield from g.capped(ts)
    if w.on('lease_recheck') and not g.may(keys, epoch):
        return None
    g.raise_floor(ts)
    if not (yield from g.free(keys, txn, ts, epoch)):
        return None
    seen = {k: g.state.newest(k, ts) for k in keys}
    return (ts, seen) if (yield from g.gate(seen.values())) else None


def lock(w, g, epoch, key, txn):
    """W2: the head of the queue has it; the grant is a read at this leader's own time."""
    queue, begun = g.queues.setdefault(key, []), w.t
    queue.append((txn, begun))
    while w.t < begun + 600 and g.may([key], epoch):
        while queue and w.t > queue[0][1] + OLD:
            queue.pop(0)                                       # its session is gone
        ts, v = w.late(g.node), g.state.newest(key)
        if queue and queue[0][0] == txn and not g.foreign([key], txn) and v.ct <= ts and not g.latched([key]):
            g.raise_floor(ts)
            return (ts, v) if (yield from g.gate([v])) else None
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


def changed(w, g, seen, locked, ts, txn):
    """Of what was read, something is not as it was, up to ts."""
    return any(g.state.newest(k, ts).ct != v.ct for k, v in seen.items() if k not in locked or w.on('validate_locked'))


def refresh(w, g, epoch, seen, locked, ts, txn):
    """T4."""
    yield from g.capped(ts)
    if not g.may(seen, epoch):
        return None
    g.raise_floor(ts)
    if w.on('refresh_intents'):
        if not (yield from g.free(seen, txn, ts, epoch)):
            return None
    return ('changed',) if changed(w, g, seen, locked, ts, txn) else ('ok',)


def one_entry(w, g, epoch, h, seen, locked, ts):
    """T1: all in one range, one step, one entry."""
    keys, begun = h.all_writes(), w.t
    while True:
        ct0 = w.late(g.node)
        yield w.r.choice((0, 0, 3, 30))
        if not g.may(tuple(keys) + tuple(seen), epoch) or w.t > begun + 600:
            return ('again',)
        ct = max([ct0, g.floor + 1] + [g.state.newest(k).ct + 1 for k in list(keys) + list(seen)])
        other = g.foreign(tuple(keys) + tuple(seen), h.txn, ct) if w.on('onepc_intent') else None
        held = any(g.queues.get(k) and g.queues[k][0][0] != h.txn for k in keys)
        if other is None and not held and not g.latched(tuple(keys) + tuple(seen)) and ct <= w.late(g.node) + 2 * w.w_max:
            break
        if other is not None:
            w.push_soon(other, g.node)
        yield 10
    if h.idem and w.on('idem_row') and g.state.newest(h.idem).ct:
        return ('done before',)
    if w.on('refresh') and changed(w, g, seen, locked, 1 << 60, h.txn):
        return ('changed',)
    if seen and w.on('onepc_floor'):
        g.raise_floor(ct)
    unlock(w, g, keys, h.txn)
    if not (yield from g.durable(g.propose(('write', h.txn, tuple(keys), ct)))):
        return None
    return 'ok', ct


def prepare(w, g, epoch, h, keys, seen, locked, ct0, anchor, begin):
    """T3 and T4 in one step. Its answer: the lower bound of its intents."""
    yield from g.capped(ct0)
    yield from w.pause()
    if not g.may(tuple(keys) + tuple(seen), epoch):
        return None
    mine = [g.state.intents[k] for k in keys if k in g.state.intents and g.state.intents[k].txn == h.txn]
    if len(mine) == len(keys) and w.on('prepare_again'):
        return ('ok', mine[0].lb) if (yield from g.durable(max(i.at for i in mine))) else None
    if begin < g.state.gc:
        return ('unknown',)
    if not (yield from g.free(seen, h.txn, ct0, epoch, keys)):
        return None
    if g.state.gc > begin:
        return ('unknown',)
    if h.idem in keys and w.on('idem_row') and g.state.newest(h.idem).ct:
        return ('done before',)
    if w.on('refresh') and changed(w, g, seen, locked, 1 << 60, h.txn):
        return ('changed',)
    lb = max([ct0, g.floor + 1] + [g.state.newest(k).ct + 1 for k in keys])
    if seen:
        g.raise_floor(ct0)
    at = g.propose(('prepare', tuple(keys), Intent(h.txn, lb, anchor, begin, None)))
    unlock(w, g, keys, h.txn)
    return ('ok', lb) if (yield from g.durable(at)) else None


def decide(w, g, epoch, txn, rec, only=None):
    """T6, T9: the first decision stands. only: replaces nothing but that status, or, '-', nothing at all. What stands is the answer."""
    if not g.may(rec.keys[:1], epoch) or g.latched(rec.keys[:1]):
        return None
    old = g.state.records.get(txn)
    if old is not None and old.status != 'S' and (w.on('first_decision') or old.status == rec.status):
        return old if not w.on('decision_durable') or (yield from g.durable(old.at)) else None
    if old is not None and only == '-':
        return old if (yield from g.durable(old.at)) else None
    if old is None and only == 'S':
        return ('none',) if not w.on('decision_durable') or (yield from g.durable((g.term, g.length))) else None
    if old is None and rec.begin < g.state.gc:
        if not w.on('decision_durable') or (yield from g.durable(g.state.gc_at)):
            return ('forgotten',)
        return None
    if old is not None and rec.status == 'S':
        return old if (yield from g.durable(old.at)) else None
    at = g.propose(('record', txn, rec))
    if not w.on('decision_durable'):
        return rec._replace(at=at)
    return rec if (yield from g.durable(at)) else None


def look(w, g, epoch, key, txn, ct0):
    """T10: is this prepare there, for sure? If not it never will be, below ct0."""
    yield from g.capped(ct0)
    if not g.may([key], epoch) or g.latched([key]):
        return None
    i = g.state.intents.get(key)
    if i is not None and i.txn == txn:
        if w.on('stage_durable') and not (yield from g.durable(i.at)):
            return None
        return ('there', i.lb)
    v = next((v for v in g.state.versions.get(key, ()) if v.txn == txn), None)
    if v is not None:
        return ('there', v.ct) if (yield from g.durable(v.at)) else None
    if w.on('stage_poison'):
        g.floor = max(g.floor, ct0)
    return ('missing',)


def resolve(w, g, epoch, txn, keys, ct):
    if not g.may(keys, epoch) or g.latched(keys):
        return None
    if not any(k in g.state.intents and g.state.intents[k].txn == txn for k in keys):
        return ('ok',) if (yield from g.durable((g.term, g.length))) else None
    return ('ok',) if (yield from g.durable(g.propose(('resolve', txn, tuple(keys), ct)))) else None


def forget(w, g, epoch, txn, key):
    if not g.may([key], epoch) or g.latched([key]):
        return None
    g.propose(('forget', txn))
    yield 0
    return ('ok',)


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


def spread(w, keys, fn, *args):
    """To each range's part of the keys, in parallel. True when all have done it."""
    left = set(keys)
    for _ in range(80):
        parts = collections.defaultdict(list)
        for k in sorted(left):
            parts[w.range_of(k)].append(k)
        boxes = [(part, w.begin(w.call(rng, fn, args[0], tuple(part), *args[1:]))) for rng, part in parts.items()]
        for part, box in boxes:
            while not box:
                yield 12
            if box[0] is not None:
                left -= set(part)
        if not left:
            return True
        yield w.r.randint(5, 80)
    return False


def push(w, intent):
    """T9: the record decides; when there is none, and nobody answers for it, we do."""
    txn, anchor = intent.txn, intent.anchor
    if w.t < w.begun[txn] + OLD and w.alive[txn]:
        return
    if not w.on('push_record'):
        rec = yield from ask(w, anchor, peek, txn, anchor)
        if rec is None or rec == ('none',):
            yield from spread(w, w.written[txn], resolve, txn, None)
            return
    else:
        rec = yield from ask(w, anchor, decide, txn, Record('A', None, (anchor,), intent.begin, None),
                             '-' if w.on('push_absent') else None)
    if isinstance(rec, Record) and rec.status == 'S' or rec is None:
        return
    if isinstance(rec, Record) and rec.status == 'C':
        yield from spread(w, rec.keys, resolve, txn, rec.ct)
    else:
        yield from spread(w, w.written[txn], resolve, txn, None)


def peek(w, g, epoch, txn, anchor):
    if not g.may([anchor], epoch):
        return None
    rec = g.state.records.get(txn)
    if rec is None:
        return ('none',)
    return rec if (yield from g.durable(rec.at)) else None


def recover(w, intent, rec):
    """T10: a commit is what is staged, when every prepare is there and fits; else it is made impossible first."""
    txn, ct0, low = intent.txn, rec.ct, True
    for key in rec.keys:
        out = yield from ask(w, key, look, key, txn, ct0)
        if out is None:
            return
        if out[0] == 'missing' or out[1] > ct0:
            low = False
    new = Record('C' if low else 'A', ct0 if low else None, rec.keys, intent.begin, None)
    out = yield from ask(w, intent.anchor, decide, txn, new, 'S')
    if isinstance(out, Record) and out.status != 'S':
        yield from spread(w, rec.keys, resolve, txn, out.ct if out.status == 'C' else None)


def push_or_recover(w, intent):
    rec = yield from ask(w, intent.anchor, peek, intent.txn, intent.anchor)
    if isinstance(rec, Record) and rec.status == 'S':
        if w.t >= w.begun[intent.txn] + OLD or not w.alive[intent.txn]:
            yield from recover(w, intent, rec)
    else:
        yield from push(w, intent)
    w.pushing.discard(intent.txn)


# ---- coordinators

class Txn:
    def __init__(self, w, node, idem):
        self.w, self.node, self.idem, self.begin_real = w, node, idem, w.t
        w.next += 1
        self.txn, self.begin = w.next, w.late(node)
        w.begun[self.txn], w.alive[self.txn], w.written[self.txn] = w.t, True, ()
        self.ts, self.seen, self.locked, self.writes = self.begin, {}, set(), set()
        self.status, self.ct, self.end = 'unknown', None, None
        w.history.append(self)

    def all_writes(self):
        return tuple(sorted(self.writes)) + ((self.idem,) if self.idem else ())

    def run(self):
        w, r = self.w, self.w.r
        yield from w.pause()
        for _ in range(r.choice((1, 2, 2, 3))):
            key = (r.randrange(KEYS), '')
            if r.random() < .3:
                if not (yield from self.take(key)):
                    return self.finish('aborted')
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
        self.status, self.ct, self.end = status, ct, self.w.t
        self.w.alive[self.txn] = False
        self.w.count[status] += 1
        if status != 'gone':
            for key in self.locked:
                self.w.spawn(ask(self.w, key, release, key, self.txn, tries=3))

    def fetch(self, keys):
        w, missing = self.w, [k for k in keys if k not in self.seen]
        for _ in range(20):
            if not missing:
                return True
            rng = w.range_of(missing[0])
            part = tuple(k for k in missing if w.range_of(k) is rng)
            out = yield from w.call(rng, read, part, self.ts, self.txn)
            if out is None:
                yield w.r.randint(5, 80)
                continue
            self.seen.update(out[1])
            missing = [k for k in missing if k not in self.seen]
        return False

    def take(self, key):
        """A lock; what was read before moves to the time of the grant."""
        w = self.w
        out = yield from ask(w, key, lock, key, self.txn, tries=4)
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

    def refresh_all(self, seen, ts, tries=12):
        w, left = self.w, dict(seen)
        while left and tries:
            tries -= 1
            rng = w.range_of(next(iter(left)))
            part = {k: v for k, v in left.items() if w.range_of(k) is rng}
            out = yield from w.call(rng, refresh, part, self.locked, ts, self.txn)
            if out == ('changed',):
                return False
            if out is None:
                yield w.r.randint(5, 60)
                continue
            for k in part:
                del left[k]
        return not left

    def commit(self):
        w, keys = self.w, self.all_writes()
        w.written[self.txn] = keys
        if w.r.random() < .05:
            return self.finish('gone')                         # its node died
        where = {w.range_of(k) for k in keys}
        if where == {w.range_of(k) for k in tuple(keys) + tuple(self.seen)} and len(where) == 1:
            return (yield from self.commit_one(next(iter(where))))
        return (yield from self.commit_many(keys, w.r.random() < .5))

    def commit_one(self, rng):
        out = yield from self.w.call(rng, one_entry, self, dict(self.seen), self.locked, self.ts)
        if out is None:
            self.finish('unknown')                             # the request may still be under way
        elif out[0] == 'ok':
            yield from self.acknowledge(out[1])
        else:
            self.finish('done before' if out[0] == 'done before' else 'aborted')

    def acknowledge(self, ct):
        w = self.w
        while w.on('commit_wait') and w.early(self.node) <= ct:
            yield 4
        self.finish('ok', ct)

    def anchor(self, keys):
        return self.idem if self.idem else keys[0]

    def commit_many(self, keys, stage):
        w, ct0 = self.w, max(self.w.late(self.node), self.ts)
        anchor = self.anchor(keys)
        keys = (anchor,) + tuple(k for k in keys if k != anchor)
        boxes, staged, rest = [], None, None
        early = stage and w.on('stage_refresh_first') and w.on('refresh')
        while True:
            where, before = {w.range_of(k) for k in keys}, rest
            rest = {k: v for k, v in self.seen.items() if w.range_of(k) not in where}
            if not early or not rest or rest == before:        # a split makes other parts of it
                break
            if not (yield from self.refresh_all(rest, ct0)):
                return self.finish('aborted')
        if stage:
            w.count['staged'] += 1
            staged = w.begin(ask(w, anchor, decide, self.txn, Record('S', ct0, keys, self.begin, None)))
        for rng in sorted(where, key=id_of):
            part = tuple(k for k in keys if w.range_of(k) is rng)
            seen = {k: v for k, v in self.seen.items() if w.range_of(k) is rng}
            boxes.append(w.begin(self.prepare_part(part, seen, ct0, anchor)))
        late = w.begin(self.refresh_all(rest, ct0)) if rest and not early and w.on('refresh') else [True]
        if w.r.random() < .07:
            return self.finish('gone')
        for box in boxes + [late] + ([staged] if stage else []):
            while not box:
                yield 12
        outs = [b[0] for b in boxes]
        w.count['prepared'] += 1
        bad = next((o for o in outs if o is None or o[0] != 'ok'), None) if any(o is None or o[0] != 'ok' for o in outs) else None
        failed = any(o is None or o[0] != 'ok' for o in outs) or not late[0]
        if stage:
            return (yield from self.end_staged(keys, anchor, ct0, failed, outs, staged[0], bad))
        if failed:
            return (yield from self.give_up(keys, anchor, bad))
        ct = max([ct0] + [o[1] for o in outs])
        if ct > ct0 and w.on('refresh_final') and not (yield from self.refresh_all(self.seen, ct)):
            return (yield from self.give_up(keys, anchor, None))
        return (yield from self.decided(keys, anchor, (yield from self.write_record(anchor, Record('C', ct, keys, self.begin, None)))))

    def prepare_part(self, part, seen, ct0, anchor):
        """Again until there is an answer; a split may have made two parts of it."""
        w, low, left = self.w, ct0, list(part)
        for _ in range(25):
            if not left:
                return ('ok', low)
            rng = w.range_of(left[0])
            some = tuple(k for k in left if w.range_of(k) is rng)
            here = {k: v for k, v in seen.items() if w.range_of(k) is rng}
            if len(some) == len(left):
                other = {k: v for k, v in seen.items() if k not in here}
                if other and not (yield from self.refresh_all(other, ct0, 4)):
                    return None
            out = yield from w.call(rng, prepare, self, some, here, self.locked, ct0, anchor, self.begin)
            if out is not None and out[0] != 'ok':
                return out
            if out is not None:
                low, left = max(low, out[1]), [k for k in left if k not in some]
                continue
            yield w.r.randint(5, 60)
        return None

    def write_record(self, anchor, rec, only=None):
        self.w.count['two phases'] += 1
        yield self.w.r.choice((0, 0, 0, 200, 2 * OLD))         # a coordinator that was thought to be dead
        return (yield from ask(self.w, anchor, decide, self.txn, rec, only))

    def give_up(self, keys, anchor, why):
        rec = Record('A', None, (anchor,) + tuple(keys), self.begin, None)
        out = yield from self.write_record(anchor, rec)
        return (yield from self.decided(keys, anchor, out, why))

    def end_staged(self, keys, anchor, ct0, failed, outs, staged, bad):
        w = self.w
        if isinstance(staged, Record) and staged.status != 'S':
            return (yield from self.decided(keys, anchor, staged, bad))
        fits = not failed and all(o[1] <= ct0 for o in outs)
        if fits and isinstance(staged, Record):
            w.spawn(self.make_explicit(keys, anchor, ct0))
            return (yield from self.acknowledge(ct0))
        if not w.on('stage_obey'):
            yield from spread(w, keys, resolve, self.txn, None)
            return self.finish('aborted')
        if staged is None:
            return self.finish('unknown')
        if failed:
            return (yield from self.decided(keys, anchor, (yield from self.write_record(
                anchor, Record('A', None, keys, self.begin, None))), bad))
        ct = max(o[1] for o in outs)
        if w.on('refresh_final') and not (yield from self.refresh_all(self.seen, ct)):
            return (yield from self.give_up(keys, anchor, None))
        return (yield from self.decided(keys, anchor, (yield from self.write_record(anchor, Record('C', ct, keys, self.begin, None)))))

    def make_explicit(self, keys, anchor, ct):
        w = self.w
        if w.on('stage_explicit'):
            out = yield from ask(w, anchor, decide, self.txn, Record('C', ct, keys, self.begin, None), 'S')
            if not isinstance(out, Record) or out.status != 'C':
                return
        if w.r.random() < .3:
            return                                             # it died behind its answer
        if (yield from spread(w, keys, resolve, self.txn, ct)):
            yield from ask(w, anchor, forget, self.txn, anchor, tries=3)

    def decided(self, keys, anchor, rec, why=None):
        """What stands in the anchor is how it ended."""
        w = self.w
        if not isinstance(rec, Record) or rec.status == 'S':
            return self.finish('unknown')
        w.spawn(self.clean_up(keys, anchor, rec))
        if rec.status == 'A':
            return self.finish('done before' if why and why[0] == 'done before' else 'aborted')
        yield from self.acknowledge(rec.ct)

    def clean_up(self, keys, anchor, rec):
        w = self.w
        yield w.r.choice((0, 0, 300))
        if w.r.random() < .15:
            return
        some = keys if w.on('gc_after_resolve') else [k for k in keys if w.range_of(k) is w.range_of(anchor)]
        if (yield from spread(w, some, resolve, self.txn, rec.ct if rec.status == 'C' else None)) and rec.status == 'C':
            if not w.on('gc_after_resolve'):
                w.spawn(spread(w, [k for k in keys if k not in some], resolve, self.txn, rec.ct))
            yield from ask(w, anchor, forget, self.txn, anchor, tries=3)


def id_of(rng):
    return rng.number


# ---- the world

class Truth:
    """What is committed, wherever: what the checker goes by."""
    def __init__(self):
        self.versions, self.records = collections.defaultdict(dict), {}

    def write(self, key, v, chain):
        if self.versions[key].get(v.ct, v.txn) != v.txn:
            raise Violation('two versions at one time')
        if v.ct not in self.versions[key] and chain and chain[-1].ct >= v.ct:
            raise Violation('timestamps fall')
        self.versions[key][v.ct] = v.txn

    def decided(self, txn, rec):
        if rec.status == 'S':
            return
        old = self.records.setdefault(txn, rec)
        if (old.status, old.ct) != (rec.status, rec.ct):
            raise Violation('two decisions')


class World:
    def __init__(self, seed, off):
        self.r, self.off, self.t, self.events, self.seq, self.next = random.Random(seed), off, 0, [], 0, 0
        r = self.r
        self.truth, self.history, self.count = Truth(), [], collections.Counter()
        self.begun, self.alive, self.written, self.pushing = {}, {}, {}, set()
        self.w_max = r.choice((10, 80, 300))
        self.net, self.log = r.choice((10, 40, 120)), r.choice((20, 100, 300))
        self.stalls, self.base = r.choice((0, .03, .1)), 1000000
        self.wide = [[(0, r.random(), r.random())] for _ in range(NODES)]
        self.old, self.idem_share, self.numbers = [], r.choice((0, .3, .6)), 0
        middle = r.randrange(1, KEYS)
        self.ranges = []
        for a, b in ((0, middle), (middle, KEYS)):
            self.enter(Range(self, State(a, b), r.randrange(NODES)))

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

    # events, processes, messages

    def at(self, dt, fn, *args):
        self.seq += 1
        heapq.heappush(self.events, (self.t + dt, self.seq, fn, args))

    def spawn(self, gen):
        def step():
            try:
                self.at(next(gen), step)
            except StopIteration:
                pass
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
        if self.t < FAULT_END and r.random() < .04:
            return r.choice((300, 1000, 3000))
        return r.randint(1, self.net)

    def round(self):
        return self.r.randint(5, self.log)

    def pause(self):
        if self.r.random() < self.stalls and self.t < FAULT_END:
            yield self.r.randint(100, 1500)

    def call(self, rng, fn, *args):
        """None: no answer, or one that says nothing. A request may come late, and twice."""
        box, lost = [], self.t < FAULT_END and self.r.random() < .03
        epoch = rng.epoch if self.r.random() < .9 else None

        def serve():
            g = rng.leader
            if self.old and self.r.random() < .5:
                g = next((x for x in self.old if x.rng is rng and x.leads()), g)
            if not g.dead:
                def run():
                    out = yield from fn(self, g, epoch, *args)
                    if not lost:
                        self.at(self.delay(), box.append, out)
                self.spawn(run())
        self.at(self.delay(), serve)
        if fn is not one_entry and self.t < FAULT_END and self.r.random() < .03:
            self.at(self.delay() * 3, serve)
        for _ in range(100):
            if box:
                return box[0]
            yield 10
        return None

    def range_of(self, key):
        return next((g for g in self.ranges if g.applied.owns(key)), self.ranges[0])   # it is being born: ask anybody

    def push_soon(self, intent, node):
        if intent.txn not in self.pushing:
            self.pushing.add(intent.txn)
            self.spawn(push_or_recover(self, intent))

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
        right = Range(self, state, g.node if r.random() < .6 else r.randrange(NODES), e[2] if self.on('split_floor') else None)
        right.epoch = left.epoch
        self.enter(right)
        yield r.choice((0, 20, 200))
        for lead in {g, left.leader}:
            if lead.state.end > e[1]:
                lead.state.apply(None, e)
            lead.latch, lead.splitting = None, False

    def faults(self):
        r = self.r
        gap = r.choice((200, 600, 2000))
        while self.t < FAULT_END:
            yield r.randint(1, 2 * gap)
            rng, what = r.choice(self.ranges), r.random()
            if what < .5:
                self.old = [x for x in self.old if x.leads()] + [rng.leader]
                rng.elect(r.choice(('crash', 'cut off', 'cut off', 'transfer')))
            elif what < .75:
                self.split(rng)
            elif what < .85:
                rng.epoch += 1                                 # a move: who asks for the old epoch is sent away
            elif rng.leader.leads() and not rng.leader.deposed and rng.leader.latch is None:
                g = rng.leader
                g.propose(('gc', self.early(g.node) - r.choice((OLD, 2 * OLD)), self.on('txn_gc')))

    def client(self):
        r = self.r
        while self.t < CLIENT_END:
            yield r.randint(1, 400)
            node, idem = r.randrange(NODES), None
            if r.random() < self.idem_share:
                idem = (r.randrange(KEYS), 'i%d' % r.randrange(10 ** 9))
            self.spawn(self.twice(node, idem) if idem else Txn(self, node, None).run())
            yield r.randint(50, 600)

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
                    for i in list(rng.leader.state.intents.values()):
                        self.push_soon(i, rng.leader.node)

    def run(self):
        for _ in range(self.r.choice((4, 8, 12))):
            self.spawn(self.client())
        self.spawn(self.faults())
        self.spawn(self.sweep())
        while self.events and self.t < END:
            self.t, _, fn, args = heapq.heappop(self.events)
            fn(*args)
            if self.t > FAULT_END + 3500 and not any(g.applied.intents for g in self.ranges):
                break
        self.check()

    def check(self):
        versions, wrote = self.truth.versions, collections.defaultdict(dict)
        for k, chain in versions.items():
            for ct, txn in chain.items():
                wrote[txn][k] = ct
        if any(g.applied.intents for g in self.ranges):
            raise Violation('stuck: intent')
        effects = collections.Counter()
        for h in self.history:
            mine = wrote.get(h.txn, {})
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
            elif h.status == 'read':
                self.check_seen(h, h.ts)
            begin, end = self.base + h.begin_real, self.base + h.end if h.end else None
            if mine and (ct < begin or h.status == 'ok' and ct >= end):
                raise Violation('not in real time')
            if h.status == 'read' and any(v.ct >= end for v in h.seen.values()):
                raise Violation('not in real time')
        if any(n > 1 for n in effects.values()):
            raise Violation('applied twice')

    def check_seen(self, h, ts):
        for k, v in h.seen.items():
            if max((ct for ct in self.truth.versions[k] if ct <= ts), default=0) != v.ct:
                raise Violation('an old read')


if __name__ == '__main__':
    main(__doc__, World, RULES, KNOWN)
