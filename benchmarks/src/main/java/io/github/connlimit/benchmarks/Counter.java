package io.github.connlimit.benchmarks;

/** A way to count the connections of each client: connlimit, or what it is compared with. Thread-safe. */
public interface Counter {

    /**
     * Counts a connection, or refuses it.
     *
     * @param client the number of the client
     * @param connection the connection
     * @return what {@link #release} asks for
     */
    Object acquire(int client, Object connection);

    /** Counts an acquired connection down. */
    void release(int client, Object connection, Object acquired);

    /** How many connections the client has. */
    int open(int client);

    /** The object that holds all the counts. */
    Object state();
}
