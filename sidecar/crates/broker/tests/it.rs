//! The broker as its callers see it, over a log in memory or on a disk in memory, and a clock that is set by hand.

mod it {
    mod checkpoints;
    mod dead_letters;
    mod eventhubs;
    mod fixture;
    mod publish;
    mod receive;
    mod restart;
}
