#!/usr/bin/env python3
"""Random model of fortified leases (raft/README.md, Leases), with a checker.

One history = one seed: 3 to 5 stores with drifting clocks, one range whose leader holds a lease, one discrete-event simulation in
integer microseconds. Each history draws its own delays, clock rates and fault mix. Every rule of the protocol is a switch (RULES).

  python3 lease_model.py --histories 20000           full protocol: no history may be rejected
  python3 lease_model.py --without silence           one rule less (repeatable)
  python3 lease_model.py --histories 400 --table     each rule in turn, a Markdown table
  python3 lease_model.py --brief                     the test: 0 for the full protocol, > 0 for each rule at its seeds
  python3 lease_model.py --histories 1 --seed 77 --show

Modelled: support between pairs of stores (stamped requests, promises by duration on the supporter's clock), fortification of the
range by its voters, pre-votes and votes with stickiness, logs, commit by own term, check-quorum, joint configurations, transfer of
leadership with release, its abort, groups that a split makes (seeds from 100001: one replica inherits, the others are born when they apply the
split, and again after a crash that came before their log had it), restarts (volatile state lost, clocks start anew), pauses of whole processes, stalls between two
steps of one read, lost, late and doubled messages, partitions and one-way cuts of either class of messages. A log travels whole,
disks are instant: what Raft does with them is tested elsewhere.

Checked: never two leaders with valid leases at one real instant; no read served under a lease at ts misses a write whose commit
timestamp is at or below ts (reads take ts and then check the lease; a new leader commits above a clock reading that it took when it
began to serve); one leader per term, one committed history; and when the faults have ended a leader with a lease arises ("stuck").

Reading order: RULES, Node.lease_until, Node.bound, Node.may_grant, on_fortify, faults, check.
"""
import collections
import heapq
import random

from histories import Violation, main

RULES = {
    'fortify': 'a lease counts a voter only after it acknowledged a Fortify of this term',
    'epoch_tag': 'and only while its support is of the epoch in which it acknowledged',
    'incarnation_tag': 'and of the incarnation: a restarted supporter is fortified again',
    'fortify_current': 'a voter in a higher term acknowledges no Fortify',
    'vote_bound': 'a voter bound by its promise votes for nobody',
    'campaign_bound': 'and does not stand itself',
    'promise_survives_term': 'the promise outlives a higher term that was only heard of',
    'exception_strict': 'it yields to a log whose last term is above the fortified one, not equal',
    'silence': 'a restarted store votes and stands only after D',
    'send_stamp': 'support counts from when it was asked for, not from when the answer came',
    'rate_margin': 'the lease is shorter than the promise by 2 rho D',
    'asker_life': 'an asker that started anew begins an epoch; answers to its earlier life are none',
    'both_halves': 'a joint configuration needs the support of both halves',
    'born_silent': 'so is a replica that a split makes in such a store meanwhile: it may have been made before, and have promised',
    'release_first': 'a transfer ends the lease before the target is told',
    'release_named': 'what a transfer releases is one fortification, not those after it',
    'own_commit': 'reads are served once an entry of the own term is committed, or at once by who inherits: nothing else can be',
    'check_last': 'the lease is checked after ts was taken, not before',
    'ask_back': 'a bound voter that would stand asks the holder, who releases what it does not hold',
}
MS = 1000
D, HEARTBEAT, TICK = 400 * MS, 80 * MS, 20 * MS
RHO = 0.05                       # large, because a history is short; 0.001 in the program
FAULT_END, END = 4500 * MS, 8500 * MS
HEIRS = 100000                   # seeds from here on: the group is made by a split
# Seeds at which `--brief` has to see a violation without the rule: the table's first finds.
KNOWN = {
    None: (*range(1, 101), *range(100001, 100031)),
    'fortify': (90, 100), 'epoch_tag': (182, 280), 'incarnation_tag': (90, 100), 'fortify_current': (130, 236),
    'vote_bound': (49, 111), 'campaign_bound': (4, 31), 'promise_survives_term': (4, 8), 'exception_strict': (49, 111),
    'silence': (124, 525), 'born_silent': (100546,), 'send_stamp': (47, 114), 'rate_margin': (374, 415), 'asker_life': (280, 793), 'both_halves': (195, 577),
    'release_first': (76, 326), 'release_named': (1262, 1394), 'own_commit': (24, 26), 'check_last': (31, 48),
    'ask_back': (26, 39),
}
Entry = collections.namedtuple('Entry', 'term kind ct conf')
Conf = collections.namedtuple('Conf', 'voters outgoing')
Given = collections.namedtuple('Given', 'inc epoch until')          # what this store promised a peer
Promise = collections.namedtuple('Promise', 'member inc epoch term gen')


def majority(voters, has):
    return sum(1 for v in voters if has(v)) * 2 > len(voters)


def quorum(conf, has):
    return majority(conf.voters, has) and (not conf.outgoing or majority(conf.outgoing, has))


def reached(voters, value):
    return sorted((value(v) for v in voters), reverse=True)[len(voters) // 2]


class Node:
    def __init__(self, w, i, conf):
        self.w, self.i, self.inc = w, i, 0
        self.term, self.vote, self.log = 1, None, (Entry(1, 'conf', 0, conf),)
        self.up, self.paused_until = False, 0
        self.born, self.durable_at = not w.heirs or i not in conf.voters, 0
        self.boot()

    def boot(self):
        w, r = self.w, self.w.r
        self.inc, self.up = self.inc + 1, True
        self.base = r.randint(0, 20000 * MS)
        self.rate = 1 + RHO * r.choice((-1, 1, r.uniform(-1, 1)))
        self.epochs, self.given, self.got, self.promise = {}, {}, {}, None
        self.role, self.leader, self.contact, self.commit = 'F', None, 0, 1
        self.quiet_until = self.local() + D if self.inc > 1 else 0
        self.heartbeat_at = 0
        self.clear_leader()
        self.reset_timer()
        w.at(r.randint(0, TICK), self.i, self.tick, self.inc)
        if not self.born:                              # its log does not know the group: the split is applied, or applied again
            w.at(r.choice((0, 0, r.randint(0, 50), r.randint(0, 1500))) * MS, self.i, self.apply_split, self.inc)

    # ---- the split that makes the group

    def apply_split(self, inc):
        if inc != self.inc or not self.up or self.born:
            return
        w = self.w
        self.born, self.durable_at, self.commit = True, w.t + w.r.choice((1 * MS, w.disk)), 1
        self.term, self.vote, self.log = 2, None, (Entry(1, 'conf', 0, w.conf),)
        if not w.on('born_silent'):
            self.quiet_until = 0
        self.reset_timer()
        if self.i == w.heir:                           # once: in its next life it leads the left side no more
            w.heir, self.vote = None, self.i
            self.lead(True)
            if w.r.random() < .3:                      # while the others have it in memory only
                w.at(w.r.randint(100, 300) * MS, None, w.fault_rebirth)
        for handler, args in w.early.pop(self.i, ()):
            getattr(self, handler)(*args)

    def on_disk(self):
        return self.w.t >= self.durable_at

    # ---- questions

    def local(self):
        return int(self.base + self.rate * self.w.t)

    def conf(self):
        return next(e.conf for e in reversed(self.log) if e.conf)

    def conf_pending(self):
        return any(e.conf for e in self.log[self.commit:])

    def supporting(self, peer):
        g = self.given.get(peer)
        return g is not None and self.local() < g.until

    def bound(self):
        """Our promise holds as long as the support lasts in which it was given."""
        p = self.promise
        if p is None or not self.supporting(p.member):
            return False
        g = self.given[p.member]
        return (g.inc, g.epoch) == (p.inc, p.epoch)

    def may_grant(self, last_term, release):
        on = self.w.on
        if on('silence') and self.local() < self.quiet_until:
            return False
        if not on('vote_bound') or not self.bound():
            return True
        p = self.promise
        if last_term > p.term or (last_term == p.term and not on('exception_strict')):
            return True
        if release is None:
            return False
        return release >= (p.term, p.gen) or not on('release_named')

    def may_campaign(self):
        before = next(e.conf for e in reversed(self.log[:self.commit]) if e.conf)      # Raft 4.2.2: it may need us
        if not any(self.i in c.voters + (c.outgoing or ()) for c in (self.conf(), before)):
            return False
        if self.w.on('silence') and self.local() < self.quiet_until:
            return False
        return not self.bound() or not self.w.on('campaign_bound') or self.promise.member == self.i

    def supported_until(self, v):
        on = self.w.on
        if v == self.i:
            return END * 100
        inc, epoch, until = self.got.get(v, (0, 0, 0))
        ack = self.acks.get(v)
        if on('fortify'):
            if ack is None or ack[0] != self.gen:
                return 0
            if on('incarnation_tag') and ack[1] != inc or on('epoch_tag') and ack[2] != epoch:
                return 0
        return until

    def lease_until(self):
        if self.role != 'L' or self.transfer_sent and self.w.on('release_first'):
            return 0
        c = self.conf()
        until = reached(c.voters, self.supported_until)
        if c.outgoing and self.w.on('both_halves'):
            until = min(until, reached(c.outgoing, self.supported_until))
        return until

    def leased(self):
        return self.up and self.local() < self.lease_until()

    def serving(self):
        own = self.heir or any(e.term == self.term for e in self.log[:self.commit])
        return self.role == 'L' and (own or not self.w.on('own_commit'))

    # ---- roles

    def clear_leader(self):
        self.acks, self.match, self.heard, self.heir = {}, {}, {}, False
        self.gen = self.floor = 0
        self.ready = self.transfer_sent = False
        self.transfer = None
        self.votes, self.release = set(), None

    def reset_timer(self):
        self.deadline = self.local() + self.w.r.randint(self.w.election, 2 * self.w.election)

    def follow(self, term, leader):
        old = self.role == 'L' and self.term
        if term > self.term:
            self.term, self.vote = term, None
            if not self.w.on('promise_survives_term'):
                self.promise = None
        self.role, self.leader = 'F', leader
        if old:
            for v in range(self.w.n):
                self.send(v, 'on_release', old)
            self.clear_leader()
        self.reset_timer()

    def hear_leader(self, term, leader):
        """A message of the leader of a term. False: it is an old one."""
        if term < self.term:
            self.send(leader, 'on_term', self.term)
            return False
        if term > self.term or self.role != 'F' or self.leader is None:
            self.follow(term, leader)
        if self.leader != leader:
            raise Violation('two leaders in a term')
        if self.promise and self.promise.term < term:
            self.promise = None                        # its holder was deposed: a later leader exists
        self.contact = self.local()
        self.reset_timer()
        return True

    def stand(self, pre, release=None):
        self.role, self.leader, self.votes, self.release = 'P' if pre else 'C', None, {self.i}, release
        self.reset_timer()
        if not pre:
            self.term, self.vote = self.term + 1, self.i
        self.round = self.w.r.random()
        last = self.log[-1].term, len(self.log)
        for v in range(self.w.n):
            self.send(v, 'on_vote', self.i, self.term + pre, pre, last, release, self.round)
        self.count_votes()

    def count_votes(self):
        if not quorum(self.conf(), lambda v: v in self.votes):
            return
        if self.role == 'P':
            self.stand(False)
        elif self.role == 'C':
            self.lead()

    def lead(self, heir=False):
        w = self.w
        if w.leaders.setdefault(self.term, self.i) != self.i:
            raise Violation('two leaders in a term')
        self.role, self.leader = 'L', self.i
        self.clear_leader()
        self.gen, self.heir = 1, heir
        self.heard = {v: self.local() for v in range(w.n)}
        self.log += (Entry(self.term, 'noop', 0, None),)
        self.replicate()
        self.fortify()

    # ---- time

    def tick(self, inc):
        if inc != self.inc or not self.up:
            return
        w, now = self.w, self.local()
        w.at(int(TICK / self.rate), self.i, self.tick, inc)
        beat = now >= self.heartbeat_at
        if beat:
            self.heartbeat_at = now + HEARTBEAT
            for v in range(w.n):
                self.send(v, 'on_support_request', self.i, self.inc, now, cls='store')
        if not self.born:
            return
        if self.role == 'L':
            self.lead_tick(now, beat)
        elif now >= self.deadline:
            self.on_timeout()

    def on_timeout(self):
        self.reset_timer()
        if self.may_campaign():
            self.stand(True)
        elif self.bound():
            self.leader = None
            lapse = self.given[self.promise.member].until
            self.deadline = min(self.deadline, lapse + self.w.r.randint(0, 30 * MS))
            if self.w.on('ask_back'):
                self.send(self.promise.member, 'on_ask', self.i, self.promise.term)

    def lead_tick(self, now, beat):
        w, r = self.w, self.w.r
        if self.transfer and now >= self.transfer[1]:
            self.transfer = None
            if self.transfer_sent:                     # a new fortification, which no release so far names
                self.transfer_sent, self.gen = False, self.gen + 1
                self.fortify()
        if w.check_quorum and reached(self.conf().voters, lambda v: now if v == self.i else self.heard[v]) < now - w.election:
            self.follow(self.term, None)
            return
        if beat:
            self.replicate()
            self.fortify()
        if self.ready and r.random() < .25 and not self.transfer:
            ct = max(w.t, self.floor + 1, self.log[-1].ct + 1)
            self.log += (Entry(self.term, 'write', ct, None),)
            self.replicate()
        if r.random() < .5:
            w.at(0, self.i, self.read_first, self.inc)

    # ---- replication

    def replicate(self):
        for v in range(self.w.n):
            self.send(v, 'on_append', self.i, self.term, self.log, self.commit)
        self.advance()

    def on_append(self, leader, term, log, commit):
        if not self.hear_leader(term, leader):
            return
        if self.log[:len(log)] != log:
            self.log = log
        self.commit = max(self.commit, min(commit, len(log)))
        if not self.on_disk():
            return                                     # it is asked again
        self.send(leader, 'on_append_reply', self.i, term, len(log))

    def on_append_reply(self, peer, term, length):
        if self.role != 'L' or term != self.term:
            return
        self.heard[peer] = self.local()
        self.match[peer] = max(self.match.get(peer, 0), length)
        self.advance()

    def advance(self):
        while self.role == 'L':
            n = max((i for i in range(self.commit + 1, len(self.log) + 1) if self.log[i - 1].term == self.term and
                     quorum(self.conf(), lambda v: v == self.i and self.on_disk() or self.match.get(v, 0) >= i)), default=0)
            if n == 0:
                break
            self.commit = n
            self.w.committed_by(self)
            c = self.conf()
            if not self.conf_pending() and c.outgoing:
                self.log += (Entry(self.term, 'conf', 0, Conf(c.voters, None)),)
        if self.role != 'L':
            return
        if self.serving() and not self.ready:
            self.ready, self.floor = True, self.w.t
        c = self.conf()
        if not self.conf_pending() and not c.outgoing and self.i not in c.voters:
            self.follow(self.term, None)               # a committed change took us out
            return
        if self.transfer and not self.transfer_sent and self.match.get(self.transfer[0], 0) >= len(self.log):
            self.transfer_sent = True
            self.send(self.transfer[0], 'on_timeout_now', self.i, self.term, self.gen)

    # ---- support between stores

    def on_support_request(self, peer, inc, stamp):
        g = self.given.get(peer)
        if g and inc < g.inc:
            return
        now = self.local()
        if g is None or inc > g.inc and self.w.on('asker_life') or now >= g.until:
            self.epochs[peer] = self.epochs.get(peer, 0) + 1   # support begins anew: older promises are void
            g = Given(inc, self.epochs[peer], 0)
        self.given[peer] = g._replace(inc=inc, until=max(g.until, now + D))
        self.send(peer, 'on_support', self.i, inc, stamp, self.inc, g.epoch, cls='store')

    def on_support(self, peer, life, stamp, inc, epoch):
        if life != self.inc and self.w.on('asker_life'):
            return
        if not self.w.on('send_stamp'):
            stamp = self.local()
        until = stamp + int(D * (1 - 2 * RHO if self.w.on('rate_margin') else 1))
        old = self.got.get(peer, (0, 0, 0))
        if (inc, epoch) == old[:2]:
            self.got[peer] = old[:2] + (max(old[2], until),)
        elif (inc, epoch) > old[:2]:
            self.got[peer] = (inc, epoch, until)

    # ---- fortification of the range

    def fortify(self):
        for v in range(self.w.n):
            ack, got = self.acks.get(v), self.got.get(v)
            if v != self.i and got and (ack is None or ack != (self.gen,) + got[:2]):
                self.send(v, 'on_fortify', self.i, self.term, self.gen)

    def on_fortify(self, leader, term, gen):
        if term < self.term and not self.w.on('fortify_current'):
            pass
        elif not self.hear_leader(term, leader):
            return
        if not self.supporting(leader):
            return
        g, p = self.given[leader], self.promise
        if p and (p.term, p.gen) > (term, gen):
            return
        self.promise = Promise(leader, g.inc, g.epoch, term, gen)
        self.send(leader, 'on_fortify_reply', self.i, term, gen, self.inc, g.epoch)

    def on_fortify_reply(self, peer, term, gen, inc, epoch):
        if self.role == 'L' and term == self.term and gen == self.gen:
            self.acks[peer] = max(self.acks.get(peer, (gen, 0, 0)), (gen, inc, epoch))

    def on_ask(self, peer, term):
        if self.role != 'L' or self.term != term:
            self.send(peer, 'on_release', term)

    def on_release(self, term):
        if self.promise and self.promise.term <= term:
            self.promise = None

    # ---- votes

    def on_vote(self, candidate, term, pre, last, release, rnd):
        if term < self.term or pre and term == self.term:
            self.send(candidate, 'on_vote_reply', self.i, self.term, pre, False, rnd)
            return
        forced = release is not None
        if self.role == 'L':
            sticky = release < (self.term, self.gen) if forced else self.w.sticky
        else:
            sticky = self.w.sticky and not forced and self.leader is not None and self.local() < self.contact + self.w.election
        if term > self.term and (sticky or not self.may_grant(last[0], release)):
            if not sticky and self.bound() and self.w.on('ask_back'):
                self.send(self.promise.member, 'on_ask', self.i, self.promise.term)
            return
        recent = last >= (self.log[-1].term, len(self.log))
        if pre:
            self.send(candidate, 'on_vote_reply', self.i, term if recent else self.term, True, recent, rnd)
            return
        if term > self.term:
            self.follow(term, None)
        free = self.vote == candidate or self.vote is None and self.leader is None
        if free and recent and self.on_disk() and self.may_grant(last[0], release):
            self.vote = candidate
            self.reset_timer()
            self.send(candidate, 'on_vote_reply', self.i, term, False, True, rnd)

    def on_vote_reply(self, peer, term, pre, granted, rnd):
        if not granted:
            if term > self.term:
                self.follow(term, None)
            return
        if self.role == ('P' if pre else 'C') and rnd == self.round and term == self.term + pre:
            self.votes.add(peer)
            self.count_votes()

    def on_term(self, term):
        """Any message that proves a higher term."""
        if term > self.term:
            self.follow(term, None)

    # ---- transfer

    def on_timeout_now(self, leader, term, gen):
        if self.role != 'F' or self.leader != leader or self.term != term or self.i not in self.conf().voters:
            return
        if self.may_grant(0, (term, gen)):
            self.stand(False, (term, gen))

    # ---- reads: ts, then the lease, then the data (R2); a stall may come between two of them

    def read_first(self, inc):
        if inc != self.inc or not self.up or self.role != 'L':
            return
        w = self.w
        stall = w.r.choice((0, 0, w.r.randint(0, 1000 * MS)))
        if w.on('check_last'):
            w.at(stall, self.i, self.read_second, inc, self.term, w.t)
        elif self.leased() and self.serving():
            w.at(stall, self.i, self.read_second, inc, self.term, None)

    def read_second(self, inc, term, ts):
        w = self.w
        if inc != self.inc or not self.up or self.role != 'L' or self.term != term or not self.serving():
            return
        if ts is None:
            ts = w.t
        elif not self.leased():
            return                                     # the program asks a quorum now
        if any(e.ct and e.ct <= ts and e.term == term for e in self.log[self.commit:]):
            return                                     # waits for a write that it has in flight
        self.floor = max(self.floor, ts)
        w.reads.append((ts, self.commit, self.i, w.t))

    def send(self, to, handler, *args, cls='range'):
        if to != self.i:
            self.w.send(self.i, to, cls, handler, args)


class World:
    def __init__(self, seed, off):
        r = self.r = random.Random(seed)
        self.off, self.t, self.seq, self.heap = off, 0, 0, []
        self.n = r.choice((3, 3, 4, 5, 5))
        self.delay = r.choice((2, 10, 40)) * MS
        self.loss, self.late, self.doubled = r.choice((0, .02, .2)), r.choice((0, .05, .2)), r.choice((0, .05))
        self.check_quorum = r.random() < .3
        self.election = r.choice((150, 150, 300, 500)) * MS     # leases rest neither on it
        self.sticky = r.random() < .5                           # nor on stickiness
        self.gap = r.choice((60, 150, 300)) * MS
        kinds = ['cut', 'cut', 'pause', 'restart', 'bounce', 'transfer', 'conf', 'stray', 'campaign', 'campaign']
        self.faults = r.sample(kinds, r.randint(2, len(kinds)))
        self.cuts, self.reads, self.history, self.leaders, self.log = [], [], (), {}, []
        self.heirs, self.heir, self.early, self.disk = seed > HEIRS, None, {}, 0
        conf = self.conf = Conf(tuple(sorted(r.sample(range(self.n), 3 if self.n < 5 or r.random() < .6 else 5))), None)
        if self.heirs:
            self.heir, self.disk = r.choice(conf.voters), r.choice((1, 20, 400, 400)) * MS
        self.nodes = [Node(self, i, conf) for i in range(self.n)]
        self.at(self.gap, None, self.fault)

    def on(self, rule):
        return rule not in self.off

    def at(self, delay, node, fn, *args):
        self.seq += 1
        heapq.heappush(self.heap, (self.t + max(0, int(delay)), self.seq, node, fn, args))

    def send(self, source, to, cls, handler, args):
        r, quiet = self.r, self.t >= FAULT_END
        if any(self.t < end and c in (cls, 'all') and (source in a and to in b or both and source in b and to in a)
               for a, b, c, both, end in self.cuts):
            return
        if not quiet and r.random() < self.loss:
            return
        for _ in range(2 if r.random() < self.doubled else 1):
            delay = r.randint(200, self.delay)
            late = .3 if handler in ('on_timeout_now', 'on_vote') and self.late else self.late
            if not quiet and r.random() < late:
                delay += r.randint(0, 1500 * MS)
            self.at(delay, to, self.deliver, to, handler, args)

    def deliver(self, to, handler, args):
        n = self.nodes[to]
        if n.up and not n.born and 'support' not in handler:
            if self.r.random() < .5:                   # it waits for the split, or is lost
                self.early[to] = self.early.get(to, ())[-9:] + ((handler, args),)
        elif n.up:
            getattr(n, handler)(*args)

    @property
    def count(self):
        return collections.Counter({'lease reads': len(self.reads), 'terms': len(self.leaders)})

    def run(self):
        while self.heap:
            t, seq, node, fn, args = heapq.heappop(self.heap)
            if t >= END:
                break
            self.t = t
            n = None if node is None else self.nodes[node]
            if n is not None and t < n.paused_until:
                heapq.heappush(self.heap, (n.paused_until, seq, node, fn, args))
                continue
            fn(*args)
            if n is not None and n.role == 'L' and n.leased():
                self.one_lease(n)
        self.check_reads()
        if not any(n.leased() and n.serving() for n in self.nodes):
            raise Violation('stuck')

    def one_lease(self, n):
        for o in self.nodes:
            if o is not n and o.role == 'L' and o.leased():
                raise Violation('two leases')

    def committed_by(self, n):
        """The leader's committed log continues the one history."""
        seen = n.log[:n.commit]
        if seen[:len(self.history)] != self.history[:len(seen)]:
            raise Violation('history')
        if len(seen) > len(self.history):
            self.history = seen

    def check_reads(self):
        for ts, length, node, t in self.reads:
            if any(e.ct and e.ct <= ts for e in self.history[length:]):
                raise Violation('read missed a write')

    # ---- faults

    def fault(self):
        if self.t >= FAULT_END:
            for n in self.nodes:
                n.paused_until = min(n.paused_until, self.t)
            self.cuts = []
            return
        getattr(self, 'fault_' + self.r.choice(self.faults))()
        self.at(self.r.randint(1, 2 * self.gap), None, self.fault)

    def leader(self):
        return next((n for n in sorted(self.nodes, key=lambda n: -n.term) if n.role == 'L' and n.up), None)

    def some(self):
        n = self.leader()
        return n if n and self.r.random() < .5 else self.r.choice(self.nodes)

    def cut(self, a, b, cls, both, ms):
        self.cuts = self.cuts[-5:] + [(a, b, cls, both, self.t + ms * MS)]

    def fault_cut(self):
        """Halves, one alone, a pair; both ways or one; all messages or one class of them."""
        r, everybody = self.r, set(range(self.n))
        a = {self.some().i} if r.random() < .7 else set(r.sample(range(self.n), r.randint(1, self.n - 1)))
        b = everybody - a
        if r.random() < .5:
            b = {r.choice(sorted(b))}
        self.cut(a, b, r.choice(('all', 'all', 'range', 'store')), r.random() < .7, r.randint(50, 1000))

    def fault_pause(self):
        self.some().paused_until = self.t + self.r.randint(50, 1000) * MS

    def restart(self, n):
        if n.up:
            for v in range(self.n):                    # an answer that will be very late
                if v != n.i and self.r.random() < .2:
                    old = n.got.get(v, (1, 1))
                    self.at(self.r.randint(400, 1500) * MS, n.i, self.deliver, n.i, 'on_support', (v, n.inc, n.local()) + old[:2])
            n.up, n.role, n.paused_until, n.born = False, 'F', 0, n.born and n.on_disk()
            self.at(self.r.choice((1, 20, 400)) * MS, None, n.boot)

    def fault_restart(self):
        self.restart(self.some())

    def fault_bounce(self):
        """The leader is cut off, at least as far as the range is concerned, while others start anew."""
        n = self.leader()
        if n is not None:
            self.cut({n.i}, set(range(self.n)) - {n.i}, self.r.choice(('all', 'range')), self.r.random() < .7, self.r.randint(200, 1500))
            for o in self.nodes:
                if o is not n and self.r.random() < .8:
                    self.restart(o)

    def fault_rebirth(self):
        """The same, and whoever is back stands soon."""
        self.fault_bounce()
        for _ in range(4):
            self.at(self.r.randint(20, 300) * MS, None, self.fault_campaign)

    def fault_transfer(self):
        n = self.leader()
        if n and not n.transfer and self.t >= n.paused_until:
            to = self.r.choice(n.conf().voters)
            if to != n.i:
                n.transfer = (to, n.local() + self.election // 2)
                n.advance()
                if self.r.random() < .5:               # they hear nothing of each other any more; others may
                    others = {to} if self.r.random() < .7 else set(range(self.n)) - {n.i}
                    self.at(self.r.randint(0, self.election), None, self.cut, {n.i}, others, 'range', True, self.r.randint(200, 1000))

    def fault_conf(self):
        n = self.leader()
        if n is None or not n.ready or n.transfer or n.conf_pending() or n.conf().outgoing or self.t < n.paused_until:
            return
        old = n.conf().voters
        new = tuple(sorted(self.r.sample(range(self.n), self.r.choice((2, 3, 3)))))
        if new != old:
            n.log += (Entry(n.term, 'conf', 0, Conf(new, old)),)
            if self.r.random() < .5:
                gone = set(old) - set(new) - {n.i}
                self.cut(set(range(self.n)) - gone, gone, 'all', True, self.r.randint(200, 1500))
            n.replicate()

    def fault_campaign(self):
        n = self.r.choice(self.nodes)
        if n.up and n.born and n.role != 'L' and self.t >= n.paused_until and n.may_campaign():
            n.stand(True)

    def fault_stray(self):
        """A term that some of them hear of: the trace of a campaign that led nowhere."""
        term, leader = max(n.term for n in self.nodes) + 1, self.leader()
        if leader and self.r.random() < .5:
            self.cut({leader.i}, set(range(self.n)) - {leader.i}, 'range', True, self.r.randint(200, 1000))
        for n in self.nodes:
            if n.role != 'L' and n.up and n.born and self.r.random() < .7:
                self.at(self.r.randint(0, self.delay), n.i, n.on_term, term)


if __name__ == '__main__':
    main(__doc__, World, RULES, KNOWN)
