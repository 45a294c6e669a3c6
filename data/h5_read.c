/* Reading without HDF5: checks the list of contents from a guarded child against the file, and
 * looks up arrays and attributes in it. */
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"
#include "data/guard.h"
#include "data/h5_internal.h"

/* A file of n bytes has fewer than n objects, so the child's limit of processor time grows with its
 * size. */
enum { SECONDS = 2, SECONDS_MOST = 30, SECOND_SHIFT = 25 };

static int64_t payload_of(const H5Reader *r)
{
    return r->file.size - r->kind->size;
}

/* Whether a text from the child ends within its buffer and is safe to print. */
static bool is_text(const char *s, size_t room)
{
    char safe[H5_TEXT + 1];
    return memchr(s, '\0', room) && !strcmp(text_escape(s, safe, sizeof safe), s);
}

/* Bytes of an array by its shape; -1: more than the file has. */
static int64_t bytes_of(const H5Reader *r, const H5Object *o)
{
    const uint64_t payload = (uint64_t)payload_of(r);
    uint64_t size = (uint64_t)number_size((NumberType)o->type);
    bool empty = false;
    for (int i = 0; i < o->rank; i++) {
        if (o->dim[i] > payload) return -1;
        empty |= !o->dim[i];
    }
    for (int i = 0; i < o->rank && !empty; i++) {
        if (o->dim[i] > payload / size) return -1;
        size *= o->dim[i];
    }
    return empty ? 0 : (int64_t)size;
}

static Status check_array(const H5Reader *r, const H5Object *o)
{
    const int64_t payload = payload_of(r);
    if (o->type < 0 || o->type > NUMBER_F64 || o->rank < 0 || o->rank > RANK_MAX)
        return FAIL(r->kind->code, "%s: %s is not a plain array", r->path, o->path);
    const int64_t size = bytes_of(r, o);
    if (size < 0)
        return FAIL(r->kind->code, "%s: the shape of %s needs more bytes than the file has",
                    r->path, o->path);
    if (o->size != (uint64_t)size)
        return FAIL(r->kind->code, "%s: %s has %llu bytes, but its shape needs %lld", r->path,
                    o->path, (unsigned long long)o->size, (long long)size);
    if (size && (size > payload || o->place > (uint64_t)(payload - size) ||
                 o->place % (uint64_t)r->kind->alignment))
        return FAIL(r->kind->code, "%s: %s is outside the part of the file that holds arrays",
                    r->path, o->path);
    return OK;
}

static Status check_lists(const H5Reader *r, const H5Contents *c)
{
    if (c->objects < 0 || c->objects > H5_OBJECTS || c->attributes < 0 ||
        c->attributes > H5_ATTRIBUTES)
        return FAIL(r->kind->code, "%s: the guarded child that read it returned nonsense", r->path);
    for (const H5Object *o = c->object, *end = o + c->objects; o < end; o++) {
        if (!is_text(o->path, sizeof o->path))
            return FAIL(r->kind->code, "%s: the guarded child that read it returned nonsense",
                        r->path);
        if (o->is_array) TRY(check_array(r, o));
    }
    for (const H5Attribute *a = c->attribute, *end = a + c->attributes; a < end; a++) {
        if (!is_text(a->object, sizeof a->object) || !is_text(a->name, sizeof a->name))
            return FAIL(r->kind->code, "%s: the guarded child that read it returned nonsense",
                        r->path);
        if (a->is_text && !is_text(a->text, sizeof a->text))
            return FAIL(r->kind->code, "%s: attribute %s of %s is not a text", r->path, a->name,
                        *a->object ? a->object : "/");
    }
    return OK;
}

static int by_place(const void *a, const void *b)
{
    const H5Object *x = a, *y = b;
    return (x->place > y->place) - (x->place < y->place);
}

static int by_path(const void *a, const void *b)
{
    const H5Object *x = a, *y = b;
    return strcmp(x->path, y->path);
}

static int by_object(const void *a, const void *b)
{
    const H5Attribute *x = a, *y = b;
    const int order = strcmp(x->object, y->object);
    return order ? order : strcmp(x->name, y->name);
}

/* Sorts all objects by path. No two arrays may share bytes: a small file could claim to be a large
 * model that way. */
static Status sort(const H5Reader *r, H5Contents *c)
{
    const H5Object *last = NULL;
    qsort(c->object, (size_t)c->objects, sizeof *c->object, by_place);
    for (const H5Object *o = c->object, *end = o + c->objects; o < end; o++) {
        if (!o->is_array || !o->size) continue;
        if (last && o->place < last->place + last->size)
            return FAIL(r->kind->code, "%s: %s and %s share bytes", r->path, last->path, o->path);
        last = o;
    }
    qsort(c->object, (size_t)c->objects, sizeof *c->object, by_path);
    qsort(c->attribute, (size_t)c->attributes, sizeof *c->attribute, by_object);
    for (int64_t i = 1; i < c->objects; i++)
        if (!strcmp(c->object[i - 1].path, c->object[i].path))
            return FAIL(r->kind->code, "%s: there are two %s", r->path, c->object[i].path);
    return OK;
}

static void walk(void *reader)
{
    const H5Reader *r = reader;
    h5_walk(r->file.bytes + r->kind->size, payload_of(r), r->contents);
}

static Status read_contents(H5Reader *r)
{
    char safe[H5_REASON];
    void *shared;
    const int64_t seconds = SECONDS + (payload_of(r) >> SECOND_SHIFT);
    TRY(guard_share(&shared, sizeof *r->contents));
    H5Contents *c = r->contents = shared;
    h5_prepare();
    TRY(guard_run(r->path, r->kind->code, seconds < SECONDS_MOST ? seconds : SECONDS_MOST, walk,
                  r));
    c->reason[sizeof c->reason - 1] = '\0';
    if (c->done != 1)
        return FAIL(r->kind->code, "%s: %s", r->path, text_escape(c->reason, safe, sizeof safe));
    TRY(check_lists(r, c));
    return sort(r, c);
}

static Status check_format(H5Reader *r)
{
    char format[64], expected[64];
    snprintf(expected, sizeof expected, "capstan-%s", r->kind->noun);
    TRY(h5_get_text(r, "/", "format", format, sizeof format));
    TRY(h5_get_int(r, "/", "version", &r->version));
    if (strcmp(format, expected) || r->version < r->kind->oldest || r->version > r->kind->version)
        return FAIL(r->kind->code, "%s: its format is not %s, version %u", r->path, expected,
                    r->kind->version);
    return OK;
}

static Status map_file(H5Reader *r, const char *path, const BlockKind *kind)
{
    char name[PATH_MAX];
    *r = (H5Reader){.kind = kind};
    r->path = strdup(text_escape(path, name, sizeof name));
    if (!r->path) return FAIL(E_NOMEM, "a path");
    return mapping_open(&r->file, path, kind->code);
}

Status h5_reader_open(H5Reader *r, const char *path, const BlockKind *kind)
{
    TRY(map_file(r, path, kind));
    TRY(block_check(kind, path, r->file.bytes, r->file.size, r->apart));
    mapping_release(&r->file, r->file.bytes, r->file.size); /* the digest has read all of it */
    TRY(read_contents(r));
    return check_format(r);
}

Status h5_reader_look(H5Reader *r, const char *path, const BlockKind *kind)
{
    TRY(map_file(r, path, kind));
    if (r->file.size > kind->size) return read_contents(r);
    return FAIL(kind->code, "%s: truncated: %lld bytes", r->path, (long long)r->file.size);
}

void h5_reader_detach(H5Reader *r)
{
    guard_unshare(r->contents, sizeof *r->contents);
    r->contents = NULL;
}

void h5_reader_close(H5Reader *r)
{
    h5_reader_detach(r);
    mapping_close(&r->file);
    free(r->path);
    *r = (H5Reader){0};
}

static int is_of(const void *path, const void *object)
{
    return strcmp(path, ((const H5Object *)object)->path);
}

static const H5Object *object_of(const H5Reader *r, const char *path)
{
    const H5Contents *c = r->contents;
    return bsearch(path, c->object, (size_t)c->objects, sizeof *c->object, is_of);
}

bool h5_has(const H5Reader *r, const char *path)
{
    return object_of(r, path) != NULL;
}

Status h5_find(const H5Reader *r, const char *path, NumberType *type, Shape *shape,
               const void **data)
{
    const H5Object *o = object_of(r, path);
    if (!o) return FAIL(r->kind->code, "%s: there is no %s in it", r->path, path);
    if (!o->is_array) return FAIL(r->kind->code, "%s: %s is not an array", r->path, path);
    *type = (NumberType)o->type;
    *shape = (Shape){.rank = o->rank};
    for (int i = 0; i < o->rank; i++) shape->dim[i] = (int64_t)o->dim[i];
    *data = r->file.bytes + r->kind->size + (shape_count(*shape) ? o->place : 0);
    return OK;
}

Status h5_find_list(const H5Reader *r, const char *path, NumberType type, int64_t *count,
                    const void **data)
{
    NumberType found;
    Shape shape;
    TRY(h5_find(r, path, &found, &shape, data));
    if (found != type || shape.rank != 1)
        return FAIL(r->kind->code, "%s: %s is %s %s, not a list of %s", r->path, path,
                    number_name(found), shape_text(shape), number_name(type));
    *count = shape.dim[0];
    return OK;
}

/* NULL, with an error set: no attribute of that name and kind. */
static const H5Attribute *attribute_of(const H5Reader *r, const char *object, const char *name,
                                       bool is_text)
{
    const H5Contents *c = r->contents;
    const char *of = object[1] ? object : ""; /* the root's */
    for (const H5Attribute *a = c->attribute, *end = a + c->attributes; a < end; a++) {
        if (strcmp(a->object, of) || strcmp(a->name, name)) continue;
        if (!a->is_text == !is_text) return a;
        FAIL(r->kind->code, "%s: attribute %s of %s is not %s", r->path, name, object,
             is_text ? "a text" : "an integer");
        return NULL;
    }
    FAIL(r->kind->code, "%s: %s has no attribute %s", r->path, object, name);
    return NULL;
}

Status h5_get_int(const H5Reader *r, const char *object, const char *name, int64_t *value)
{
    const H5Attribute *a = attribute_of(r, object, name, false);
    if (!a) return r->kind->code;
    *value = a->number;
    return OK;
}

Status h5_get_text(const H5Reader *r, const char *object, const char *name, char *out, int64_t size)
{
    const H5Attribute *a = attribute_of(r, object, name, true);
    if (!a) return r->kind->code;
    if (snprintf(out, (size_t)size, "%s", a->text) < size) return OK;
    return FAIL(r->kind->code, "%s: attribute %s of %s is longer than %lld bytes", r->path, name,
                object, (long long)size - 1);
}

/* The name of an object directly in a group, or NULL. */
static const char *name_in(const H5Object *o, const char *group)
{
    const size_t length = group[1] ? strlen(group) : 0; /* the root's names begin at once */
    if (strncmp(o->path, group, length) || o->path[length] != '/') return NULL;
    const char *name = o->path + length + 1;
    return strchr(name, '/') ? NULL : name;
}

Status h5_count(const H5Reader *r, const char *group, int64_t *count)
{
    const H5Object *g = object_of(r, group);
    if (group[1] && (!g || g->is_array))
        return FAIL(r->kind->code, "%s: there is no group %s in it", r->path, group);
    *count = 0;
    for (int64_t i = 0; i < r->contents->objects; i++)
        *count += name_in(&r->contents->object[i], group) != NULL;
    return OK;
}

/* The first object, or the one after the object that owns a text. */
static const H5Object *behind(const H5Reader *r, const char *text)
{
    const H5Object *first = r->contents->object;
    return text ? first + (text - (const char *)first) / (ptrdiff_t)sizeof *first + 1 : first;
}

const char *h5_next_name(const H5Reader *r, const char *group, const char *last)
{
    const H5Object *end = r->contents->object + r->contents->objects;
    for (const H5Object *o = behind(r, last); o < end; o++) {
        const char *name = name_in(o, group);
        if (name) return name;
    }
    return NULL;
}

const char *h5_next_array(const H5Reader *r, const char *last)
{
    const H5Object *end = r->contents->object + r->contents->objects;
    for (const H5Object *o = behind(r, last); o < end; o++)
        if (o->is_array) return o->path;
    return NULL;
}

bool h5_attribute(const H5Reader *r, int64_t i, H5Value *out)
{
    if (i < 0 || i >= r->contents->attributes) return false;
    const H5Attribute *a = &r->contents->attribute[i];
    *out = (H5Value){.object = *a->object ? a->object : "/",
                     .name = a->name,
                     .text = a->is_text ? a->text : NULL,
                     .number = a->number};
    return true;
}
