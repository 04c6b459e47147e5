package io.github.connlimit;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiFunction;

/**
 * A table that runs out of memory when it is told to, before or after it has done what it was asked for: a real one
 * does when it has to grow.
 */
final class FailingTable<K, V> extends ConcurrentHashMap<K, V> {

    private static final long serialVersionUID = 1L;

    enum When {
        NEVER,
        BEFORE,
        AFTER
    }

    volatile When adding = When.NEVER;
    volatile When removing = When.NEVER;
    volatile When iterating = When.NEVER;

    /** Run before each removal, if not null. */
    transient volatile Runnable beforeRemoving;

    private static void fail(When when, When now) {
        if (when == now) {
            throw new OutOfMemoryError("made up");
        }
    }

    @Override
    public V compute(K key, BiFunction<? super K, ? super V, ? extends V> function) {
        fail(adding, When.BEFORE);
        V value = super.compute(key, function);
        fail(adding, When.AFTER);
        return value;
    }

    @Override
    public V putIfAbsent(K key, V value) {
        fail(adding, When.BEFORE);
        V present = super.putIfAbsent(key, value);
        fail(adding, When.AFTER);
        return present;
    }

    @Override
    public V computeIfPresent(K key, BiFunction<? super K, ? super V, ? extends V> function) {
        Runnable hook = beforeRemoving;
        if (hook != null) {
            hook.run();
        }
        fail(removing, When.BEFORE);
        V value = super.computeIfPresent(key, function);
        fail(removing, When.AFTER);
        return value;
    }

    @Override
    public boolean remove(Object key, Object value) {
        fail(removing, When.BEFORE);
        boolean removed = super.remove(key, value);
        fail(removing, When.AFTER);
        return removed;
    }

    @Override
    public Set<Entry<K, V>> entrySet() {
        fail(iterating, When.BEFORE);
        return super.entrySet();
    }
}
