#ifndef SHIM_PROTOCOL_H
#define SHIM_PROTOCOL_H

/* The numbers of PROTOCOL.md. */

enum {
    PROTOCOL_VERSION = 1,
    TOKEN_SIZE = 32,
    FRAME_LENGTH_SIZE = 4,
    /* u32 length, u8 type. */
    FRAME_HEAD_SIZE = 5,
    MAX_FRAME_LENGTH = 32 * 1024 * 1024,
    /* u8 type, u32 version, the token. */
    OPEN_FRAME_LENGTH = 1 + 4 + TOKEN_SIZE,
    /* u32 length, u8 type, u32 id, u8 stream. */
    OUTPUT_HEAD_SIZE = 10,
    HIGHEST_SIGNAL = 64,
    MAX_WRITE_SIZE = 64 * 1024,
    MAX_UNANSWERED_WRITES = 256 * 1024,
    CREDIT_HIGH = 512 * 1024,
    CREDIT_LOW = 128 * 1024,
    RETAINED_OUTPUT = 1024 * 1024,
};

enum request_type {
    REQUEST_OPEN = 1,
    REQUEST_SPAWN = 2,
    REQUEST_WRITE = 3,
    REQUEST_CLOSE_STDIN = 4,
    REQUEST_SIGNAL = 5,
    REQUEST_CREDIT = 6,
    REQUEST_RELEASE = 7,
    REQUEST_FAREWELL = 8,
};

enum reply_type {
    REPLY_HELLO = 64,
    REPLY_ADOPTED = 65,
    REPLY_STARTED = 66,
    REPLY_FAILED = 67,
    REPLY_OUTPUT = 68,
    REPLY_EXITED = 69,
    REPLY_SIGNALED = 70,
    REPLY_SWEPT = 71,
    REPLY_STDIN = 72,
};

enum spawn_flag {
    SPAWN_STDIN_PIPE = 1,
    SPAWN_MERGE_OUTPUT = 2,
    SPAWN_IDENTITY = 4,
    SPAWN_GROUPS = 8,
    SPAWN_NO_NEW_PRIVILEGES = 16,
    SPAWN_NICE = 32,
    SPAWN_OOM_SCORE_ADJUSTMENT = 64,
    SPAWN_KILL_GROUP_AT_END = 128,
    SPAWN_KILL_TREE_AT_END = 256,
    SPAWN_KNOWN_FLAGS = 511,
};

/* The steps of a start, in order. */
enum spawn_step {
    STEP_NONE = 0,
    STEP_PIPE = 1,
    STEP_FORK = 2,
    STEP_SESSION = 3,
    STEP_DESCRIPTORS = 4,
    STEP_OOM_SCORE_ADJUSTMENT = 5,
    STEP_NICE = 6,
    STEP_LIMIT = 7,
    STEP_ROOT = 8,
    STEP_GROUPS = 9,
    STEP_GID = 10,
    STEP_UID = 11,
    STEP_NO_NEW_PRIVILEGES = 12,
    STEP_CWD = 13,
    STEP_EXEC = 14,
};

enum signal_scope {
    SCOPE_LEADER = 0,
    SCOPE_GROUP = 1,
    SCOPE_TREE = 2,
};

enum output_stream {
    STREAM_STDOUT = 0,
    STREAM_STDERR = 1,
    STREAM_COUNT = 2,
};

#endif
