package io.github.connlimit.springboot;

import io.github.connlimit.ServerSupport;
import java.util.List;

/** What limits one kind of embedded server. */
interface ServerLimit {

    /** {@return whether there is a server of this kind in the application} */
    boolean isUsed();

    /**
     * {@return what it limits, for the log}
     *
     * @param port that of the server; it may have others besides
     */
    List<String> limited(int port);

    /** {@return sentences about what it does not limit, for warnings; empty if all is well} */
    List<String> unlimited();

    /** {@return what can be done in a server of this kind} */
    ServerSupport support();

    /** {@return whether it can find the client behind a proxy, as the server is configured} */
    boolean findsForwardedClients();

    /** {@return whether a bean of the user's ends rejected connections} */
    boolean hasRejectionHandler();

    /** {@return the type of such a bean, for people} */
    String rejectionHandlerType();
}
