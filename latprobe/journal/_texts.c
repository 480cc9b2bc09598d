/* Copies long texts into the mapped journal in one pass, with the checksum of what was written.

   CPython can only give a text's bytes as a new object, and its UTF-8 encoder takes 1 to 2 us a kB
   where one typographic quotation mark or emoji makes it hold an English text in two bytes a
   character or four. Here the ASCII between them goes 16 characters at a time, straight to where it
   stays. `latprobe/journal/long_texts.py` does the same in Python where this was not compiled. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define HAS_SSE2 1
#include <immintrin.h>
#endif

#if defined(__GNUC__)
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#else
#define ALWAYS_INLINE static inline
#endif

/* Characters that are counted at once. */
#define PIECE 8192

/* How a text is written. */
enum form { LATIN_1, UTF_8, UTF_16, UTF_32 };
#define FORMS 4
static PyObject *codecs[FORMS];

typedef struct {
    enum form form;
    Py_ssize_t size; /* bytes */
} Plan;

static int is_little_endian(void) {
    const uint16_t one = 1;
    return *(const uint8_t *)&one;
}

/* Bytes of UTF-8 beyond one a character; whether there are halves of surrogate pairs. Summed in
   pieces that 16 and 32 bits have room for: what a compiler makes SIMD of. */
ALWAYS_INLINE Py_ssize_t longer_of_2(const uint16_t *units, Py_ssize_t length, int *halves) {
    Py_ssize_t longer = 0;
    for (Py_ssize_t i = 0; i < length;) {
        const Py_ssize_t end = i + (length - i < PIECE ? length - i : PIECE);
        uint16_t sum = 0, found = 0;
        for (; i < end; i++) {
            sum += (uint16_t)((units[i] > 0x7F) + (units[i] > 0x7FF));
            found |= (uint16_t)((uint16_t)(units[i] - 0xD800) < 0x800);
        }
        longer += sum;
        *halves |= found;
    }
    return longer;
}

ALWAYS_INLINE Py_ssize_t longer_of_4(const uint32_t *units, Py_ssize_t length) {
    Py_ssize_t longer = 0;
    for (Py_ssize_t i = 0; i < length;) {
        const Py_ssize_t end = i + (length - i < PIECE ? length - i : PIECE);
        int32_t sum = 0;
        for (; i < end; i++) {
            const int32_t unit = (int32_t)units[i];
            sum += (unit > 0x7F) + (unit > 0x7FF) + (unit > 0xFFFF);
        }
        longer += sum;
    }
    return longer;
}

#ifdef HAS_SSE2
__attribute__((target("avx2")))
static Py_ssize_t longer_of_2_avx2(const uint16_t *units, Py_ssize_t length, int *halves) {
    return longer_of_2(units, length, halves);
}

__attribute__((target("avx2")))
static Py_ssize_t longer_of_4_avx2(const uint32_t *units, Py_ssize_t length) {
    return longer_of_4(units, length);
}
#endif

static Py_ssize_t longer_in_utf8(PyObject *text, int *halves) {
    const Py_ssize_t length = PyUnicode_GET_LENGTH(text);
    const int is_of_2 = PyUnicode_KIND(text) == PyUnicode_2BYTE_KIND;
#ifdef HAS_SSE2
    if (__builtin_cpu_supports("avx2")) {
        return is_of_2 ? longer_of_2_avx2(PyUnicode_2BYTE_DATA(text), length, halves)
                       : longer_of_4_avx2(PyUnicode_4BYTE_DATA(text), length);
    }
#endif
    return is_of_2 ? longer_of_2(PyUnicode_2BYTE_DATA(text), length, halves)
                   : longer_of_4(PyUnicode_4BYTE_DATA(text), length);
}

/* The form that costs least to write and to check: what the interpreter holds, or UTF-8 where that
   is much shorter. UTF-8 also for halves of surrogate pairs, which UTF-16 would join. */
static Plan plan_of(PyObject *text) {
    const Py_ssize_t length = PyUnicode_GET_LENGTH(text);
    const Py_ssize_t width = PyUnicode_KIND(text);
    Plan plan = {LATIN_1, length};
    if (width == 1) {
        return plan;
    }
    int halves = 0;
    plan.size = length + longer_in_utf8(text, &halves);
    const Py_ssize_t worth = width == 2 ? length * 4 / 3 : length * 5 / 2;
    if (plan.size <= worth || (halves && width == 2) || !is_little_endian()) {
        plan.form = UTF_8;
    } else {
        plan.form = width == 2 ? UTF_16 : UTF_32;
        plan.size = length * width;
    }
    return plan;
}

/* Where to go on; NULL if the character has no room before `limit`. */
static inline uint8_t *put_character(uint8_t *to, const uint8_t *limit, uint32_t c) {
    const int more = (c > 0x7F) + (c > 0x7FF) + (c > 0xFFFF);
    if (limit - to <= more) {
        return NULL;
    }
    switch (more) {
    case 0:
        *to++ = (uint8_t)c;
        return to;
    case 1:
        *to++ = (uint8_t)(0xC0 | c >> 6);
        break;
    case 2:
        *to++ = (uint8_t)(0xE0 | c >> 12);
        *to++ = (uint8_t)(0x80 | (c >> 6 & 0x3F));
        break;
    default:
        *to++ = (uint8_t)(0xF0 | c >> 18);
        *to++ = (uint8_t)(0x80 | (c >> 12 & 0x3F));
        *to++ = (uint8_t)(0x80 | (c >> 6 & 0x3F));
    }
    *to++ = (uint8_t)(0x80 | (c & 0x3F));
    return to;
}

#ifdef HAS_SSE2
/* 16 characters as bytes, and a bit for each that is not ASCII, whose byte means nothing. */
static inline uint32_t sixteen_of_2(const uint16_t *from, __m128i *bytes) {
    const __m128i a = _mm_loadu_si128((const __m128i *)from);
    const __m128i b = _mm_loadu_si128((const __m128i *)(from + 8));
    *bytes = _mm_packus_epi16(a, b); /* from 0x80 on the highest bit is set, but not from 0x8000 */
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(*bytes, _mm_packs_epi16(a, b)));
}

static inline uint32_t sixteen_of_4(const uint32_t *from, __m128i *bytes) {
    const __m128i *const four = (const __m128i *)from;
    /* What needs more than 15 bits becomes 0x7FFF. */
    const __m128i a = _mm_packs_epi32(_mm_loadu_si128(four), _mm_loadu_si128(four + 1));
    const __m128i b = _mm_packs_epi32(_mm_loadu_si128(four + 2), _mm_loadu_si128(four + 3));
    *bytes = _mm_packus_epi16(a, b);
    return (uint32_t)_mm_movemask_epi8(*bytes);
}

/* What is not ASCII, where four bytes may be written. */
static inline uint8_t *put_other(uint8_t *to, uint32_t c) {
    const uint32_t last = 0x80 | (c & 0x3F), middle = 0x80 | (c >> 6 & 0x3F);
    uint32_t bytes;
    int size;
    if (c < 0x800) {
        bytes = (0xC0 | c >> 6) | last << 8;
        size = 2;
    } else if (c < 0x10000) {
        bytes = (0xE0 | c >> 12) | middle << 8 | last << 16;
        size = 3;
    } else {
        bytes = (0xF0 | c >> 18) | (0x80 | (c >> 12 & 0x3F)) << 8 | middle << 16 | last << 24;
        size = 4;
    }
    memcpy(to, &bytes, 4);
    return to + size;
}

/* 16 at a time, while what is read and written ahead is the text's: at most 32 characters, and 64
   bytes and 16. The run of ASCII behind each other character is read anew from there. */
#define PUT_RUNS_OF_ASCII(SIXTEEN)                                                                 \
    while (end - from >= 32 && limit - to >= 80) {                                                 \
        __m128i bytes;                                                                             \
        uint32_t others = SIXTEEN(from, &bytes);                                                   \
        int done = 0;                                                                              \
        _mm_storeu_si128((__m128i *)to, bytes);                                                    \
        for (; others; others &= others - 1) {                                                     \
            const int at = __builtin_ctz(others);                                                  \
            to = put_other(to + (at - done), from[at]);                                            \
            done = at + 1;                                                                         \
            SIXTEEN(from + done, &bytes);                                                          \
            _mm_storeu_si128((__m128i *)to, bytes);                                                \
        }                                                                                          \
        to += 16 - done;                                                                           \
        from += 16;                                                                                \
    }
#else
#define PUT_RUNS_OF_ASCII(SIXTEEN)
#endif

/* Both give the place behind the text, NULL where it does not fit before `limit`. */
static uint8_t *put_utf8_of_2(uint8_t *to, const uint8_t *limit, const uint16_t *from,
                              Py_ssize_t length) {
    const uint16_t *const end = from + length;
    PUT_RUNS_OF_ASCII(sixteen_of_2)
    while (from < end && to != NULL) {
        to = put_character(to, limit, *from++);
    }
    return to;
}

static uint8_t *put_utf8_of_4(uint8_t *to, const uint8_t *limit, const uint32_t *from,
                              Py_ssize_t length) {
    const uint32_t *const end = from + length;
    PUT_RUNS_OF_ASCII(sixteen_of_4)
    while (from < end && to != NULL) {
        to = put_character(to, limit, *from++);
    }
    return to;
}

/* Whether the text takes just the bytes of the plan. */
static int put_text(uint8_t *to, PyObject *text, Plan plan) {
    const uint8_t *const limit = to + plan.size;
    const Py_ssize_t length = PyUnicode_GET_LENGTH(text);
    if (plan.form == UTF_8 && PyUnicode_KIND(text) == PyUnicode_2BYTE_KIND) {
        return put_utf8_of_2(to, limit, PyUnicode_2BYTE_DATA(text), length) == limit;
    }
    if (plan.form == UTF_8 && PyUnicode_KIND(text) == PyUnicode_4BYTE_KIND) {
        return put_utf8_of_4(to, limit, PyUnicode_4BYTE_DATA(text), length) == limit;
    }
    if (plan.size != length * (Py_ssize_t)PyUnicode_KIND(text)) {
        return 0;
    }
    memcpy(to, PyUnicode_DATA(text), (size_t)plan.size);
    return 1;
}

/* zlib's CRC-32. */
static PyObject *zlib_crc32;

#ifdef HAS_SSE2
/* Of 64 bytes and more, a multiple of 16, by carry-less multiplication. V. Gopal et al., "Fast CRC
   computation for generic polynomials using PCLMULQDQ instruction", Intel, 2009; the constants for
   zlib's polynomial, bits reflected, are those on its page 22. */
__attribute__((target("pclmul,sse4.1")))
static uint32_t crc32_pclmul(const uint8_t *from, size_t size, uint32_t crc) {
    const __m128i k1k2 = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
    const __m128i k3k4 = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
    const __m128i k5 = _mm_set_epi64x(0, 0x0163cd6124);
    const __m128i poly = _mm_set_epi64x(0x01f7011641, 0x01db710641);
    const __m128i low32 = _mm_setr_epi32(~0, 0, ~0, 0);
    const __m128i *at = (const __m128i *)from;
    __m128i x[4];
    for (int i = 0; i < 4; i++) {
        x[i] = _mm_loadu_si128(at + i);
    }
    x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128((int)crc));
    at += 4;
    for (size -= 64; size >= 64; size -= 64, at += 4) {
        for (int i = 0; i < 4; i++) {
            const __m128i low = _mm_clmulepi64_si128(x[i], k1k2, 0x00);
            const __m128i high = _mm_clmulepi64_si128(x[i], k1k2, 0x11);
            x[i] = _mm_xor_si128(_mm_xor_si128(low, high), _mm_loadu_si128(at + i));
        }
    }
    __m128i sum = x[0];
    for (int i = 1; i < 4; i++) {
        const __m128i low = _mm_clmulepi64_si128(sum, k3k4, 0x00);
        const __m128i high = _mm_clmulepi64_si128(sum, k3k4, 0x11);
        sum = _mm_xor_si128(_mm_xor_si128(low, high), x[i]);
    }
    for (; size >= 16; size -= 16, at++) {
        const __m128i low = _mm_clmulepi64_si128(sum, k3k4, 0x00);
        const __m128i high = _mm_clmulepi64_si128(sum, k3k4, 0x11);
        sum = _mm_xor_si128(_mm_xor_si128(low, high), _mm_loadu_si128(at));
    }
    /* 128 bits to 64, to 32 by Barrett reduction. */
    sum = _mm_xor_si128(_mm_clmulepi64_si128(sum, k3k4, 0x10), _mm_srli_si128(sum, 8));
    sum = _mm_xor_si128(_mm_clmulepi64_si128(_mm_and_si128(sum, low32), k5, 0x00),
                        _mm_srli_si128(sum, 4));
    __m128i quotient = _mm_clmulepi64_si128(_mm_and_si128(sum, low32), poly, 0x10);
    quotient = _mm_clmulepi64_si128(_mm_and_si128(quotient, low32), poly, 0x00);
    return (uint32_t)_mm_extract_epi32(_mm_xor_si128(sum, quotient), 1);
}
#endif

static uint32_t crc32_of_few(const uint8_t *from, Py_ssize_t size, uint32_t crc) {
    for (const uint8_t *const end = from + size; from < end; from++) {
        crc ^= *from;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (0xEDB88320 & (0 - (crc & 1)));
        }
    }
    return crc;
}

/* 0 and the checksum in `crc`, -1 with an exception set. */
static int add_checksum(uint8_t *from, Py_ssize_t size, uint32_t *crc) {
#ifdef HAS_SSE2
    if (size >= 64 && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1")) {
        const Py_ssize_t whole = size & ~(Py_ssize_t)15;
        const uint32_t most = crc32_pclmul(from, (size_t)whole, ~*crc);
        *crc = ~crc32_of_few(from + whole, size - whole, most);
        return 0;
    }
#endif
    PyObject *view = PyMemoryView_FromMemory((char *)from, size, PyBUF_READ);
    if (view == NULL) {
        return -1;
    }
    PyObject *sum = PyObject_CallFunction(zlib_crc32, "Ok", view, (unsigned long)*crc);
    Py_DECREF(view);
    if (sum == NULL) {
        return -1;
    }
    *crc = (uint32_t)PyLong_AsUnsignedLongMask(sum);
    Py_DECREF(sum);
    return 0;
}

PyDoc_STRVAR(form_doc,
"form(text, /)\n--\n\n(codec, bytes that it takes, the text), a piece for `copy`.");

static PyObject *form(PyObject *module, PyObject *text) {
    (void)module;
    if (!PyUnicode_Check(text)) {
        return PyErr_Format(PyExc_TypeError, "a text is needed, not %R", Py_TYPE(text));
    }
#if PY_VERSION_HEX < 0x030C0000
    if (PyUnicode_READY(text) < 0) {
        return NULL;
    }
#endif
    const Plan plan = plan_of(text);
    return Py_BuildValue("(OnO)", codecs[plan.form], plan.size, text);
}

/* Of what `form` gave; 0, or -1 with an exception set. */
static int read_piece(PyObject *piece, PyObject **text, Plan *plan) {
    if (!PyTuple_CheckExact(piece) || PyTuple_GET_SIZE(piece) != 3) {
        PyErr_Format(PyExc_TypeError, "bytes or what form() gave are needed, not %R", piece);
        return -1;
    }
    *text = PyTuple_GET_ITEM(piece, 2);
    plan->size = PyLong_AsSsize_t(PyTuple_GET_ITEM(piece, 1));
    if (plan->size == -1 && PyErr_Occurred()) {
        return -1;
    }
    for (int i = 0; i < FORMS; i++) {
        if (PyTuple_GET_ITEM(piece, 0) == codecs[i] && PyUnicode_Check(*text)) {
            plan->form = (enum form)i;
            return 0;
        }
    }
    PyErr_Format(PyExc_TypeError, "form() gave no %R", piece);
    return -1;
}

/* Writes a piece to `start`. Its bytes; -1 with an exception set. */
static Py_ssize_t put_piece(PyObject *piece, Py_buffer *buffer, Py_ssize_t start) {
    PyObject *text = NULL;
    Plan plan = {LATIN_1, 0};
    if (PyBytes_Check(piece)) {
        plan.size = PyBytes_GET_SIZE(piece);
    } else if (read_piece(piece, &text, &plan) < 0) {
        return -1;
    }
    if (start < 0 || plan.size < 0 || plan.size > buffer->len - start) {
        PyErr_SetString(PyExc_ValueError, "the pieces do not fit into the buffer");
        return -1;
    }
    uint8_t *const to = (uint8_t *)buffer->buf + start;
    if (text == NULL) {
        memcpy(to, PyBytes_AS_STRING(piece), (size_t)plan.size);
    } else if (!put_text(to, text, plan)) {
        PyErr_SetString(PyExc_ValueError, "a text does not take the bytes that are said");
        return -1;
    }
    return plan.size;
}

PyDoc_STRVAR(copy_doc,
"copy(pieces, buffer, start, /)\n--\n\n"
"Writes bytes, and texts as `form` said, one behind the other into the buffer from `start` on.\n"
"Gives zlib's CRC-32 of all of it. Raises ValueError where they do not fit.");

static PyObject *copy(PyObject *module, PyObject *const *args, Py_ssize_t count) {
    (void)module;
    if (count != 3 || !PyList_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "copy(pieces, buffer, start): a list, a buffer, a number");
        return NULL;
    }
    const Py_ssize_t start = PyLong_AsSsize_t(args[2]);
    if (start == -1 && PyErr_Occurred()) {
        return NULL;
    }
    Py_buffer buffer;
    if (PyObject_GetBuffer(args[1], &buffer, PyBUF_WRITABLE) < 0) {
        return NULL;
    }
    Py_ssize_t at = start, size = 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(args[0]) && size >= 0; i++) {
        size = put_piece(PyList_GET_ITEM(args[0], i), &buffer, at);
        at += size;
    }
    uint32_t crc = 0;
    const int failed =
        size < 0 || add_checksum((uint8_t *)buffer.buf + start, at - start, &crc) < 0;
    PyBuffer_Release(&buffer);
    return failed ? NULL : PyLong_FromUnsignedLong(crc);
}

static PyMethodDef methods[] = {
    {"form", form, METH_O, form_doc},
    {"copy", (PyCFunction)(void (*)(void))copy, METH_FASTCALL, copy_doc},
    {NULL, NULL, 0, NULL},
};

static int execute(PyObject *module) {
    static const char *const NAMES[FORMS] = {"latin-1", "utf-8", "utf-16-le", "utf-32-le"};
    (void)module;
    for (int i = 0; i < FORMS; i++) {
        if (codecs[i] == NULL && (codecs[i] = PyUnicode_InternFromString(NAMES[i])) == NULL) {
            return -1;
        }
    }
    PyObject *zlib = PyImport_ImportModule("zlib");
    if (zlib == NULL) {
        return -1;
    }
    Py_XSETREF(zlib_crc32, PyObject_GetAttrString(zlib, "crc32"));
    Py_DECREF(zlib);
    return zlib_crc32 == NULL ? -1 : 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, execute},
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_texts",
    .m_doc = "Long texts into the mapped journal: see long_texts.py.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__texts(void) {
    return PyModuleDef_Init(&definition);
}
