package io.github.connlimit.cluster;

/**
 * What a node has for one client until its lease ends.
 *
 * @param connections so many at once, 0 or more
 * @param left so many more could be reserved by any node; {@link #LATE} if the request was overtaken by a later one of the
 *     same node, and has changed nothing
 */
record Reservation(int connections, int left) {

    static final int LATE = -1;

    boolean isLate() {
        return left == LATE;
    }
}
