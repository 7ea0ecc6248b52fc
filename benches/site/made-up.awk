# Made-up images, for benches/site.sh: a stream for `git fast-import` with a history of library files on standard
# output, content of workson's in the folder `content`, content and templates of hugo's in the folder `hugo`.
#
# Every image has nine tags and begins on amd64; more platforms come with time, and some are lost again.

function slug(platform) { gsub("/", "-", platform); return platform }

# How many of the platforms image i has in phase p.
function reach(i, p,    n) {
    n = p == 0 ? 1 : p * 2 + (i * 7 + p * 3) % 3
    if (p == 5 && i % 11 == 0) n -= 3
    if (i % 9 == 0) n = 1
    return n < 1 ? 1 : n > platforms ? platforms : n
}

function data(text) { printf "data %d\n%s\n", length(text), text }

BEGIN {
    platforms = split("linux/amd64 linux/arm64 linux/arm/v7 linux/386 linux/ppc64le linux/s390x linux/arm/v6 linux/riscv64 linux/arm/v5 linux/mips64le windows/amd64", platform, " ")
    split("amd64 arm64v8 arm32v7 i386 ppc64le s390x arm32v6 riscv64 arm32v5 mips64le windows-amd64", official, " ")
    kinds = split("software distribution language", kind, " ")
    categories = 12
    phases = 6
    print "- slug: category-1\n  name: Category 1\n  description: Made up to measure the site." >(content "/categories.yaml")
    for (c = 2; c <= categories; c++)
        printf "- slug: category-%d\n  name: Category %d\n  description: Made up to measure the site.\n", c, c >(content "/categories.yaml")
    close(content "/categories.yaml")

    # Hugo has a template and a form of output for each badge.
    forms = hugo "/config/_default/outputFormats.toml"
    printf "[api]\nmediaType = \"application/json\"\nbaseName = \"api\"\n[feed]\nmediaType = \"application/json\"\nbaseName = \"feed\"\n[atom]\nmediaType = \"application/atom+xml\"\nbaseName = \"atom\"\n" >forms
    outputs = "page = [\"HTML\", \"RSS\", \"api\", \"feed\", \"atom\""
    for (n = 1; n <= platforms; n++) {
        name = slug(platform[n])
        printf "[badge%d]\nmediaType = \"image/svg+xml\"\nbaseName = \"%s\"\n", n, name >forms
        printf "[endpoint%d]\nmediaType = \"application/json\"\nbaseName = \"%s\"\n", n, name >forms
        outputs = outputs sprintf(", \"badge%d\", \"endpoint%d\"", n, n)
        template = hugo "/layouts/_default/single.badge" n ".svg"
        printf "{{ partial \"badge.svg\" (index .Params.marks %d) }}", n - 1 >template
        close(template)
        template = hugo "/layouts/_default/single.endpoint" n ".json"
        printf "{{ partial \"endpoint.json\" (index .Params.marks %d) }}", n - 1 >template
        close(template)
    }
    close(forms)
    print outputs "]" >>(hugo "/config/_default/outputs.toml")
    close(hugo "/config/_default/outputs.toml")

    for (p = 0; p < phases; p++) {
        at[p] = int(1490000000 + (now - 1490000000) * p / (phases - 1))
        print "commit refs/heads/master"
        printf "committer Made Up <made@up.example> %d +0000\n", at[p]
        data("phase " p)
        for (i = 1; i <= entries; i++) {
            if (p && reach(i, p) == reach(i, p - 1)) continue
            list = ""
            for (n = 1; n <= reach(i, p); n++) list = list (n > 1 ? ", " : "") official[n]
            text = "Maintainers: Made Up <made@up.example> (@made)\nGitRepo: https://up.example/made-up-" i ".git\n"
            for (m = 3; m >= 1; m--)
                text = text sprintf("\nTags: %d.%d.%d, %d.%d, %d%s\nArchitectures: %s\nGitCommit: %040d\nDirectory: .\n", \
                    m, i % 10, i % 7, m, i % 10, m, m == 3 ? ", latest" : "", list, i)
            printf "M 100644 inline library/made-up-%d\n", i
            data(text)
        }
        print ""
    }

    for (i = 1; i <= entries; i++) {
        file = content "/entries/made-up-" i ".yaml"
        k = kind[i % kinds + 1]
        c = i % categories + 1
        about = "An image that nobody made, with the number " i " of " entries "."
        printf "name: Made Up %d\nkind: %s\ncategories: [category-%d]\ndescription: %s\nhome: https://up.example/%d/\nsource: https://git.example/made-up-%d\nlicense: MIT\nimages: [made-up-%d]\npackages:\n  purl: [\"pkg:generic/made-up-%d\"]\naliases: [mu%d]\n", \
            i, k, c, about, i, i, i, i, i >file
        close(file)

        file = hugo "/content/entry/made-up-" i ".md"
        printf "{\"title\":\"Made Up %d\",\"about\":\"%s\",\"home\":\"https://up.example/%d/\",\"source\":\"https://git.example/made-up-%d\",\"license\":\"MIT\",\"image\":\"made-up-%d\",\"kinds\":[\"%s\"],\"categories\":[\"category-%d\"],\"marks\":[", \
            i, about, i, i, i, k, c >file
        has = reach(i, phases - 1)
        works = ""
        for (n = 1; n <= platforms; n++) {
            word = n <= has ? "yes" : "no"
            since = ""
            for (p = 0; p < phases; p++) if (reach(i, p) >= n) { since = strftime("%Y-%m-%d", at[p], 1); break }
            printf "%s{\"platform\":\"%s\",\"slug\":\"%s\",\"word\":\"%s\",\"rung\":\"declared\",\"since\":\"%s\"}", \
                (n > 1 ? "," : ""), platform[n], slug(platform[n]), word, since >file
            if (n <= has) works = works (n > 1 ? "," : "") "\"" slug(platform[n]) "\""
        }
        printf "],\"works\":[%s],\"tags\":[", works >file
        for (m = 3; m >= 1; m--)
            printf "%s\"%d.%d.%d\",\"%d.%d\",\"%d\"%s", (m < 3 ? "," : ""), m, i % 10, i % 7, m, i % 10, m, (m == 3 ? ",\"latest\"" : "") >file
        printf "],\"changes\":[" >file
        first = 1
        for (p = phases - 1; p >= 0; p--) {
            before = p ? reach(i, p - 1) : 0
            from = before < reach(i, p) ? before : reach(i, p)
            to = before < reach(i, p) ? reach(i, p) : before
            for (n = from + 1; n <= to; n++) {
                printf "%s{\"at\":\"%s\",\"event\":\"%s\",\"platform\":\"%s\"}", (first ? "" : ","), \
                    strftime("%Y-%m-%dT%H:%M:%SZ", at[p], 1), (before < reach(i, p) ? "gained" : "lost"), platform[n] >file
                first = 0
            }
        }
        printf "]}\n" >file
        close(file)
    }
}
