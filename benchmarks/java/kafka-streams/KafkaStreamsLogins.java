import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.apache.kafka.common.serialization.LongSerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The job on Kafka Streams: exactly once v2, by the Processor API.
 *
 * <p>The DSL would write each window's totals, a sketch of 16 KB among them, to its store for every
 * login. Here a task adds up its partition's logins in memory, and once a second writes the totals
 * to its store and commits. No window is ever refused as late: that would need a grace far above
 * 10 seconds on a backlog. A rebalance between two commits could miss what stands in memory only,
 * so this has less to do than the flow that it is compared with.
 */
public final class KafkaStreamsLogins {
  private static final Duration COMMIT = Duration.ofSeconds(1); // as the flow's snapshots
  private static final String PARTS = System.getenv("KAFKA_GROUP_ID") + "-parts";
  private static final int MOST_PARTITIONS = 1_000;
  private static final CountDownLatch DONE = new CountDownLatch(1);

  private KafkaStreamsLogins() {}

  public static void main(String[] arguments) throws Exception {
    makePartsTopic();
    try (KafkaStreams streams = new KafkaStreams(topology(), properties())) {
      streams.setUncaughtExceptionHandler(
          error -> {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
            return null;
          });
      streams.start();
      DONE.await();
      streams.close(Duration.ofSeconds(60));
    }
  }

  private static void makePartsTopic() throws Exception {
    String servers = System.getenv("KAFKA_BOOTSTRAP_SERVERS");
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", servers))) {
      admin.createTopics(List.of(new NewTopic(PARTS, 1, (short) 1))).all().get();
    }
  }

  private static Topology topology() {
    ByteArraySerializer bytes = new ByteArraySerializer();
    ByteArrayDeserializer read = new ByteArrayDeserializer();
    return new Topology()
        .addSource("read", read, read, System.getenv("INPUT_TOPIC"))
        .addProcessor("logins", Logins::new, "read")
        .addStateStore(
            Stores.keyValueStoreBuilder(
                Stores.inMemoryKeyValueStore("minutes"), Serdes.Long(), Serdes.ByteArray()),
            "logins")
        .addSink("write", System.getenv("OUTPUT_TOPIC"), bytes, bytes, "logins")
        .addSink("hand-on", PARTS, new LongSerializer(), bytes, "logins")
        .addSource("parts", new LongDeserializer(), read, PARTS)
        .addProcessor("merge", Merge::new, "parts")
        .addStateStore(
            Stores.keyValueStoreBuilder(
                Stores.inMemoryKeyValueStore("parts-store"), Serdes.Long(), Serdes.ByteArray()),
            "merge")
        .addSink("upsert", System.getenv("INSIGHTS_TOPIC"), bytes, bytes, "merge");
  }

  private static Properties properties() {
    Properties properties = new Properties();
    properties.put(StreamsConfig.APPLICATION_ID_CONFIG, System.getenv("KAFKA_GROUP_ID"));
    properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, System.getenv("KAFKA_BOOTSTRAP_SERVERS"));
    properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    properties.put(StreamsConfig.STATE_DIR_CONFIG, "state");
    properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
    properties.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    // The commits are those that the processors ask for, each second, once the store is written;
    // one of its own accord comes never, but has to be due before a transaction times out.
    properties.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 50_000);
    properties.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
    properties.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 10_000);
    properties.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 5_000);
    properties.put(
        StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG), 4_000_000);
    properties.put(
        StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
    properties.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
    properties.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 100);
    properties.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 262_144);
    properties.put(StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), 134_217_728);
    properties.put(
        StreamsConfig.producerPrefix(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG), 60_000);
    return properties;
  }

  /** Cleans logins, and adds up those of its partition by window. */
  private static final class Logins implements Processor<byte[], byte[], Object, byte[]> {
    private final Map<Long, Minute> fresh = new HashMap<>();
    private ProcessorContext<Object, byte[]> context;
    private KeyValueStore<Long, byte[]> store;

    @Override
    public void init(ProcessorContext<Object, byte[]> context) {
      this.context = context;
      store = context.getStateStore("minutes");
      context.schedule(COMMIT, PunctuationType.WALL_CLOCK_TIME, now -> commit(now));
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
      Login login = Login.read(record.value(), record.timestamp());
      if (login == null) {
        return;
      }
      fresh.computeIfAbsent(Minute.start(login.timestamp), any -> new Minute()).add(login);
      context.forward(
          new Record<>(login.userId.getBytes(), login.json(), record.timestamp()), "write");
    }

    private void commit(long now) {
      if (fresh.isEmpty()) {
        return;
      }
      fresh.forEach((start, minute) -> hand(start, minute, now));
      fresh.clear();
      context.commit();
    }

    /** Writes a window's totals of this partition, and hands them on under window and partition. */
    private void hand(long start, Minute minute, long now) {
      byte[] before = store.get(start);
      if (before != null) {
        minute.merge(Minute.of(before));
      }
      byte[] whole = minute.bytes();
      store.put(start, whole);
      long key = start * MOST_PARTITIONS + context.taskId().partition();
      context.forward(new Record<>(key, whole, now), "hand-on");
    }
  }

  /** Keeps the last totals of each window and partition, and writes what they add up to. */
  private static final class Merge implements Processor<Long, byte[], byte[], byte[]> {
    private final long records = Long.parseLong(System.getenv("RECORDS"));
    private final Map<Long, Long> logins = new HashMap<>();
    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<Long, byte[]> store;

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
      this.context = context;
      store = context.getStateStore("parts-store");
      context.schedule(COMMIT, PunctuationType.WALL_CLOCK_TIME, now -> context.commit());
    }

    @Override
    public void process(Record<Long, byte[]> record) {
      store.put(record.key(), record.value());
      long start = record.key() / MOST_PARTITIONS;
      Minute whole = new Minute();
      long first = start * MOST_PARTITIONS;
      store
          .range(first, first + MOST_PARTITIONS - 1)
          .forEachRemaining(part -> whole.merge(Minute.of(part.value)));
      context.forward(new Record<>(Minute.key(start), whole.json(start), record.timestamp()));
      logins.put(start, whole.logins);
      if (logins.values().stream().mapToLong(Long::longValue).sum() == records) {
        DONE.countDown();
      }
    }
  }
}
