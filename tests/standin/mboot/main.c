#include "mboot.h"

const char not_found[] = "15 (Not found)";
const char inconsistent[] = "33 (Inconsistent data)";

static EFI_HANDLE own_image;

void fatal(const char *what, const char *about)
{
    Print(L"mboot: Fatal error: %a %a\n", what, about);
    BS->Exit(own_image, EFI_LOAD_ERROR, 0, NULL);
    for (;;) {
    }
}

/* What follows the program's name: its options, then words for the kernel. */
struct arguments {
    char config[PATH_MAX]; /* -c */
    char rest[KERNEL_TEXT];
};

/* Cuts the next word off. */
static char *next_word(char **from)
{
    char *word = *from;

    while (*word == ' ')
        word++;
    *from = word;
    while (**from && **from != ' ')
        ++*from;
    if (**from)
        *(*from)++ = 0;
    return word;
}

static void parse_arguments(struct arguments *arguments, char *text)
{
    char *word = next_word(&text);

    if (*word && *word != '-') /* iPXE's first word is the program */
        word = next_word(&text);
    for (; *word == '-'; word = next_word(&text)) {
        if (strcmpa((CHAR8 *)word, (CHAR8 *)"-c") != 0)
            fatal("unknown option", word);
        text_append(arguments->config, sizeof(arguments->config), next_word(&text));
    }
    text_append(arguments->rest, sizeof(arguments->rest), word);
    text_append(arguments->rest, sizeof(arguments->rest), *text ? " " : "");
    text_append(arguments->rest, sizeof(arguments->rest), text);
}

static void read_arguments(struct arguments *arguments)
{
    EFI_LOADED_IMAGE *loaded;
    const CHAR16 *wide;
    char *text;

    if (BS->HandleProtocol(own_image, &gEfiLoadedImageProtocolGuid, (void **)&loaded) != EFI_SUCCESS)
        return;
    wide = loaded->LoadOptions;
    text = allocate(loaded->LoadOptionsSize + 1);
    for (size_t i = 0; i < loaded->LoadOptionsSize / sizeof(*wide); i++)
        text[i] = (char)wide[i];
    parse_arguments(arguments, text);
}

/* The first that is there of those that mboot tries; its folder becomes the prefix if it names none. */
static void load_config(const struct origin *origin, const struct arguments *arguments, struct config *config)
{
    char try[2][PATH_MAX], name[PATH_MAX] = "", root[PATH_MAX] = "/";
    char *folder = allocate(PATH_MAX);
    struct bytes file = {0};

    if (arguments->config[0]) {
        path_join(try[0], origin->folder, arguments->config);
        text_append(root, sizeof(root), arguments->config);
        path_join(try[1], "", text_is_url(arguments->config) ? arguments->config : root);
    } else {
        text_append(name, sizeof(name), origin->mac_folder);
        text_append(name, sizeof(name), "/boot.cfg");
        path_join(try[0], origin->folder, name);
        path_join(try[1], origin->folder, "boot.cfg");
    }
    for (unsigned i = 0; i < 2 && !file.data; i++)
        if (fetch(origin, try[i], &file))
            path_folder(folder, try[i]);
        else
            file.data = NULL;
    if (!file.data)
        fatal(not_found, try[1]);
    config_parse(config, file);
    if (!*config->prefix)
        config->prefix = folder;
}

/* The first that is there; without one, the real mboot uses what it has inside. */
static void load_crypto(const struct origin *origin, const struct config *config)
{
    const struct {
        const char *folder, *name;
    } places[] = {{origin->folder, "crypto64.efi"},
                  {config->prefix, config->crypto},
                  {config->prefix, "crypto64.efi"},
                  {config->prefix, "efi/boot/crypto64.efi"}};
    struct bytes file;
    EFI_HANDLE handle;

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        char path[PATH_MAX];

        path_join(path, places[i].folder, places[i].name);
        if (!*places[i].name || !fetch(origin, path, &file))
            continue;
        if (BS->LoadImage(FALSE, own_image, NULL, file.data, file.size, &handle) != EFI_SUCCESS ||
            BS->StartImage(handle, NULL, NULL) != EFI_SUCCESS)
            fatal("a crypto module that does not run", path);
        return;
    }
}

/* Kernel and modules under their whole names, and every size, before anything of them is fetched. */
static void place_modules(const struct origin *origin, struct config *config, char kernel[PATH_MAX])
{
    path_join(kernel, config->prefix, config->kernel);
    fetch_size(origin, kernel);
    for (unsigned i = 0; i < config->count; i++) {
        struct module *module = &config->module[i];
        char path[PATH_MAX];

        path_join(path, config->prefix, module->path);
        CopyMem(module->path, path, sizeof(path));
        if (strlena((CHAR8 *)path) + strlena((CHAR8 *)module->options) + 1 >= MODULE_TEXT)
            fatal("Boot module string exceeds maximum supported length", path);
        fetch_size(origin, path);
    }
}

static struct bytes load(const struct origin *origin, const char *path)
{
    struct bytes file;

    if (!fetch(origin, path, &file))
        fatal(not_found, path);
    return gunzip(file, path);
}

static void add_word(char *line, const char *word)
{
    text_append(line, KERNEL_TEXT, *line && *word ? " " : "");
    text_append(line, KERNEL_TEXT, word);
}

/* boot.cfg's words, then the command line's, then the card that the machine booted by. */
static void make_line(char line[KERNEL_TEXT], const struct config *config, const struct arguments *arguments,
                      const struct origin *origin)
{
    char bootif[sizeof("BOOTIF=") + MAC_FOLDER_MAX] = "BOOTIF=";

    text_append(bootif, sizeof(bootif), origin->mac_folder);
    line[0] = 0;
    add_word(line, config->options);
    add_word(line, arguments->rest);
    if (!config->no_bootif && !text_find(line, "BOOTIF="))
        add_word(line, bootif);
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
    struct origin origin;
    struct arguments *arguments;
    struct config *config;
    char kernel[PATH_MAX], line[KERNEL_TEXT];

    InitializeLib(image, system);
    own_image = image;
    arguments = allocate(sizeof(*arguments));
    config = allocate(sizeof(*config));
    origin_find(&origin, image);
    Print(L"\nmboot: loaded from \"%a\", %a\n", origin.folder, origin.mac_folder);
    read_arguments(arguments);
    load_config(&origin, arguments, config);
    if (config->skip)
        fatal("boot.cfg says skip", "");
    Print(L"mboot: %a\n", config->title);
    load_crypto(&origin, config);
    place_modules(&origin, config, kernel);
    make_line(line, config, arguments, &origin);
    if (strlena((CHAR8 *)kernel) + 1 + strlena((CHAR8 *)line) >= KERNEL_TEXT)
        fatal("the kernel's command line is too long", line);
    Print(L"mboot: kernel line: %a\n", line);
    linux_check_kernel(load(&origin, kernel), kernel);
    for (unsigned i = 0; i < config->count; i++)
        config->module[i].content = load(&origin, config->module[i].path);
    linux_start(image, config, line);
}
