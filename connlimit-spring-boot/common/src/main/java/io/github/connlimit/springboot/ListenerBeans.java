package io.github.connlimit.springboot;

import io.github.connlimit.ClientUsage;
import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.LimiterListener;
import io.github.connlimit.RefusalReason;
import java.time.Duration;
import java.util.Iterator;
import java.util.stream.Stream;
import org.springframework.beans.factory.BeanFactoryUtils;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.beans.factory.SmartInitializingSingleton;

/**
 * The beans that listen to the limiter. They are asked for after the limiter has been made, as they may need it, and before
 * the web server serves anybody. This class is thread-safe.
 */
final class ListenerBeans implements SmartInitializingSingleton {

    private final ListableBeanFactory beans;
    private final Forwarding[] forwarding;

    ListenerBeans(ListableBeanFactory beans) {
        this.beans = beans;
        // By their names alone. Without any, the limiter has nobody to tell, and makes no events.
        forwarding = Stream.of(BeanFactoryUtils.beanNamesForTypeIncludingAncestors(beans, LimiterListener.class))
                .map(name -> new Forwarding())
                .toArray(Forwarding[]::new);
    }

    /** One for each of the beans. */
    LimiterListener[] forwarding() {
        return forwarding.clone();
    }

    @Override
    public void afterSingletonsInstantiated() {
        Iterator<LimiterListener> listeners =
                beans.getBeanProvider(LimiterListener.class).orderedStream().iterator();
        for (int i = 0; i < forwarding.length && listeners.hasNext(); i++) {
            forwarding[i].listener = listeners.next();
        }
    }

    /** Passes events on to a listener once it is there. */
    private static final class Forwarding implements LimiterListener {

        private static final LimiterListener NOBODY = new LimiterListener() {};

        private volatile LimiterListener listener = NOBODY;

        @Override
        public void admitted(ClientUsage client) {
            listener.admitted(client);
        }

        @Override
        public void refused(ClientUsage client, RefusalReason reason, boolean dryRun) {
            listener.refused(client, reason, dryRun);
        }

        @Override
        public void timedOut(ClientUsage client, ConnectionPhase phase, Duration timeout, boolean dryRun) {
            listener.timedOut(client, phase, timeout, dryRun);
        }

        @Override
        public void closed(ClientUsage client) {
            listener.closed(client);
        }
    }
}
