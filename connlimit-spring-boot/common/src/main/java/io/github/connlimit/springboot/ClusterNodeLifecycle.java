package io.github.connlimit.springboot;

import io.github.connlimit.ClusterMembership;
import io.github.connlimit.ClusterProvider;
import io.github.connlimit.ConnectionLimiter;
import org.springframework.context.SmartLifecycle;

/** Makes the limiter a node of a cluster while the web server runs. This class is thread-safe. */
final class ClusterNodeLifecycle implements SmartLifecycle {

    /** After the connections of Spring Data Redis, before the web server; the other way round at the stop. */
    private static final int PHASE = SmartLifecycle.DEFAULT_PHASE / 2;

    private final ConnectionLimiter limiter;
    private final ClusterProvider provider;

    /** {@code null} while it is not running. Guarded by this. */
    private ClusterMembership membership;

    /**
     * @param provider {@code null} if there is none
     * @throws InvalidLimitsException if there is none, or a {@code clusterUri} besides
     */
    ClusterNodeLifecycle(ConnectionLimiter limiter, ClusterProvider provider) {
        if (provider == null) {
            throw notAllowed("connlimit-cluster, Spring Data Redis or Lettuce is not on the class path");
        }
        if (!limiter.limits().clusterUri().isEmpty()) {
            throw notAllowed(
                    "there is a clusterUri besides: " + limiter.limits().clusterUri());
        }
        this.limiter = limiter;
        this.provider = provider;
    }

    static InvalidLimitsException notAllowed(String why) {
        return new InvalidLimitsException(
                new IllegalArgumentException("clusterViaSpringDataRedis: \"true\" is not allowed; " + why));
    }

    @Override
    public synchronized void start() {
        if (membership == null) {
            membership = limiter.joinCluster(provider);
        }
    }

    @Override
    public synchronized void stop() {
        if (membership != null) {
            membership.close();
            membership = null;
        }
    }

    @Override
    public synchronized boolean isRunning() {
        return membership != null;
    }

    @Override
    public int getPhase() {
        return PHASE;
    }
}
