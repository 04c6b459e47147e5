package io.github.connlimit.springboot;

import java.util.function.Consumer;
import org.springframework.beans.factory.config.BeanPostProcessor;

/**
 * Limits what makes a web server after all its customizers have been at it: one of the user's may add TLS, or choose another
 * protocol, and no order among customizers is after those that have none. For the adapters of this project.
 *
 * @param <F> what makes a server
 * @since 0.1.0
 */
public final class ServerFactoryLimit<F> implements BeanPostProcessor {

    private final Class<F> type;
    private final Consumer<? super F> limit;

    /**
     * Makes one for factories of a type.
     *
     * @param type of the factories
     * @param limit limits one
     */
    public ServerFactoryLimit(Class<F> type, Consumer<? super F> limit) {
        this.type = type;
        this.limit = limit;
    }

    /** Customizers are applied before this, in {@code postProcessBeforeInitialization}. */
    @Override
    public Object postProcessAfterInitialization(Object bean, String name) {
        if (type.isInstance(bean)) {
            limit.accept(type.cast(bean));
        }
        return bean;
    }
}
