/* Where a client is: see geo.h. */
#include "detect/geo.h"

#include <maxminddb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct geo {
    MMDB_s files[GEO_FILES_MAX];
    size_t used;
};

struct geo *geo_open(const char *const *paths, size_t count, void (*tell)(const char *path, const char *reason))
{
    struct geo *g = calloc(1, sizeof *g);
    for (size_t i = 0; g && i < count; i++) {
        if (g->used == GEO_FILES_MAX) {
            tell(paths[i], "too many databases");
            break;
        }
        const int result = MMDB_open(paths[i], MMDB_MODE_MMAP, &g->files[g->used]);
        if (result == MMDB_SUCCESS)
            g->used++;
        else
            tell(paths[i], MMDB_strerror(result));
    }
    if (g && g->used)
        return g;
    free(g);
    return NULL;
}

void geo_close(struct geo *g)
{
    for (size_t i = 0; g && i < g->used; i++)
        MMDB_close(&g->files[i]);
    free(g);
}

static void read_country(MMDB_entry_s *entry, struct geo_place *place)
{
    static const char *const of[] = {"country", "registered_country"};
    MMDB_entry_data_s data;
    for (size_t i = 0; i < 2 && !place->country[0]; i++) {
        const char *const path[] = {of[i], "iso_code", NULL};
        if (MMDB_aget_value(entry, &data, path) == MMDB_SUCCESS && data.has_data && data.type == MMDB_DATA_TYPE_UTF8_STRING && data.data_size == 2)
            memcpy(place->country, data.utf8_string, 2);
    }
}

static void read_asn(MMDB_entry_s *entry, struct geo_place *place)
{
    static const char *const path[] = {"autonomous_system_number", NULL};
    MMDB_entry_data_s data;
    if (place->asn || MMDB_aget_value(entry, &data, path) != MMDB_SUCCESS || !data.has_data)
        return;
    if (data.type == MMDB_DATA_TYPE_UINT32)
        place->asn = data.uint32;
    else if (data.type == MMDB_DATA_TYPE_UINT16)
        place->asn = data.uint16;
}

static bool is_mapped(const uint8_t address[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(address, mapped, sizeof mapped) == 0;
}

struct geo_place geo_find(const struct geo *g, const uint8_t address[16])
{
    struct geo_place place = {0};
    struct sockaddr_in in4 = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    const bool four = is_mapped(address);
    memcpy(&in4.sin_addr, address + 12, 4);
    memcpy(&in6.sin6_addr, address, 16);
    for (size_t i = 0; g && i < g->used; i++) {
        int error = 0;
        const MMDB_s *file = &g->files[i];
        if (!four && file->metadata.ip_version == 4)
            continue;
        MMDB_lookup_result_s found = MMDB_lookup_sockaddr(file, four ? (const struct sockaddr *)(const void *)&in4 : (const struct sockaddr *)(const void *)&in6, &error);
        if (error != MMDB_SUCCESS || !found.found_entry)
            continue;
        read_country(&found.entry, &place);
        read_asn(&found.entry, &place);
    }
    return place;
}
