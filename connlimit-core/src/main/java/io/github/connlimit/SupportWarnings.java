package io.github.connlimit;

import io.github.connlimit.ServerSupport.Feature;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;

/**
 * Says in the log what limits ask for and a server does not do: of those that it starts with, and of those that somebody sets
 * while it runs, who would else believe that they are in force. Each thing once. Guarded by its gate.
 */
final class SupportWarnings {

    private final ServerSupport server;
    private final System.Logger logger;
    private final Set<Feature> notUsed;
    private final Map<Feature, String> lacking;
    private final Set<Feature> said = EnumSet.noneOf(Feature.class);

    /** {@code null} before the first look. */
    private ConnectionLimits seen;

    SupportWarnings(ServerSupport server, System.Logger logger, Set<Feature> notUsed, Map<Feature, String> lacking) {
        this.server = server;
        this.logger = logger;
        this.notUsed = Set.copyOf(notUsed);
        this.lacking = Map.copyOf(lacking);
    }

    void look(ConnectionLimits limits) {
        if (limits == seen) {
            return;
        }
        seen = limits;
        for (Feature feature : Feature.values()) {
            String lack = lacking.get(feature);
            String warning = lack == null ? server.warning(feature) : lack;
            if (warning != null
                    && !notUsed.contains(feature)
                    && feature.isAskedFor(limits, lack != null)
                    && said.add(feature)) {
                logger.log(server.level(feature), warning);
            }
        }
    }
}
