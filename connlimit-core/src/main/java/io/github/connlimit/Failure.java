package io.github.connlimit;

/**
 * What has failed, for the log. These are no literals in the places that catch, because the JVM makes a literal when it is
 * first used. That may be when memory has run out, and a handler of an error must not throw another one.
 */
enum Failure {
    COUNTING("counting a connection failed, onError decides"),
    NOTING_HANDSHAKE("noting the end of a handshake failed"),
    NOTING_ESTABLISHED("noting that a connection is established failed"),
    NOTING_HEADER("noting that a header has begun failed"),
    NAMING("reading the client that a proxy names failed"),
    FINDING("finding the permit of a connection failed"),
    RELEASING("giving back a permit failed"),
    DEADLINE("a deadline was missed"),
    SWEEP("a sweep failed"),
    CLOSING("closing a connection at its deadline failed"),
    SWEEPING_ALL("sweeping the connections failed"),
    SWEEPING("sweeping a connection failed"),
    FORGOTTEN(
            "a connection that had ended still counted, until the sweep found it: its end was not reported within a second,"
                    + " which is a fault of the server or its adapter, unless the server has no thread left"),
    REFUSING("refusing a connection failed"),
    RESPONDING("taking a place for a refused connection failed"),
    HOLDING("holding a refused connection failed"),
    PROBING("looking whether descriptors are left failed, no refused connection is held"),
    TELLING("telling the listeners failed"),
    LOGGING_REFUSAL("logging a refusal failed"),
    LOGGING_TIMEOUT("logging a time-out failed"),
    LOGGING_CHANGE("logging the changed limits failed"),
    WARNING("warning of what the server does not do failed"),
    DROPPED_PERMIT(
            "a permit was dropped without being closed and counts for ever: close every one that the limiter returns."
                    + " One in " + DroppedPermits.ONE_IN + " is watched"),
    CLUSTER("asking what the cluster leaves to this node failed, the limit holds for this node alone");

    private final String text;

    Failure(String text) {
        this.text = text;
    }

    @Override
    public String toString() {
        return text;
    }
}
