package io.github.connlimit.cluster;

/**
 * What a node has for one client until its lease ends.
 *
 * @param connections so many at once, 0 or more
 * @param left so many more could be reserved by any node; {@link #LATE} if the request was overtaken by a later one of the
 *     same node, and has changed nothing
 * @param lacking what other nodes need for this client and did not get, all of them together
 * @param freeMillis how soon the first reservation of another node ends if it is not renewed; 0 if there is none
 * @param otherLimit the limit that another node has asked with, if there is one with another; 0 if there is none
 * @param epoch another one whenever the engine has lost what it knew of this client and all others of its slice, no matter how
 */
record Reservation(int connections, int left, int lacking, int freeMillis, int otherLimit, String epoch) {

    static final int LATE = -1;

    boolean isLate() {
        return left == LATE;
    }

    /** {@return itself, or less of it} */
    Reservation atMost(int most) {
        return connections <= most ? this : new Reservation(most, left, lacking, freeMillis, otherLimit, epoch);
    }
}
