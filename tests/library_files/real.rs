//! Real library files, each for something that is met in the history, and what bashbrew reads in them.

use crate::Case;

/// The commits are those of docker-library/official-images. What bashbrew reads is what it told at 69f4323^ (2022);
/// that it refuses a file, it tells in words of its own.
pub(crate) const REAL: &[Case] = &[
    Case {
        what: "the line format, with a tag of Git for a commit",
        origin: "90057f42315cffd52c9d4deeab0e8049140b2fc1 library/docker-dev",
        text: "\
# maintainer: Tianon Gravi <admwiggin@gmail.com> (@tianon)

latest: git://github.com/dotcloud/docker@v0.7.0
v0.7.0: git://github.com/dotcloud/docker@v0.7.0
v0.6.7: git://github.com/dotcloud/docker@v0.6.7
",
        read: Ok("first=amd64 latest=amd64 v0.6.7=amd64 v0.7.0=amd64"),
    },
    Case {
        what: "the line format, and a name beyond ASCII",
        origin: "bb653fbd8b91440330ac71361e96a125ec5c51a6 library/busybox",
        text: "\
# maintainer: Jérôme Petazzoni <jerome@docker.com> (@jpetazzo)

latest: git://github.com/jpetazzo/docker-busybox@02a13fddf5fa8e1c0e1427526dd89f63be918234
",
        read: Ok("first=amd64 latest=amd64"),
    },
    Case {
        what: "the format of September 2013, with tabs and no `@`",
        origin: "7364759cd20b5f0d2692b909478aaa12c2702635 library/registry",
        text: "\
latest\tgit://github.com/dotcloud/docker-registry\tC:debd567e95df51f8ac91d0bb69ca35037d957ee6
0.5.9\tgit://github.com/dotcloud/docker-registry\tC:debd567e95df51f8ac91d0bb69ca35037d957ee6",
        read: Err("line 1: the first paragraph names no Maintainers"),
    },
    Case {
        what: "a comment that is no maintainer, because it says `Maintainers`",
        origin: "9a24440b568515dc736ae0c2ec67104da6d96dc1 library/clearlinux",
        text: "\
# Maintainers: William Douglas <william.douglas@intel.com> ((@bryteise))

latest: git://github.com/clearlinux/docker-brew-clearlinux@d12b99cc67e66278164920310850cdcfc19417f3
base: git://github.com/clearlinux/docker-brew-clearlinux@d12b99cc67e66278164920310850cdcfc19417f3
",
        read: Err("line 3: the first paragraph names no Maintainers"),
    },
    Case {
        what: "continuation lines of tabs",
        origin: "79fd930d84b426f0333aa56440060c42540c85ff library/sonarqube, shortened",
        text: "\
Maintainers: Carmine Vassallo <carmine.vassallo@sonarsource.com> (@carminevassallo),
\tEmma Mansalier <emma.mansalier@sonarsource.com> (@emma44-m),
\tHatem Amairi <hatem.amairi@sonarsource.com> (@hatem-amairi-sonarsource),
\tJimil Desai <jimil.desai@sonarsource.com> (@jimil09),
\tJulien Lancelot <julien.lancelot@sonarsource.com> (@julienlancelot),
\tLukasz Jarocki <lukasz.jarocki@sonarsource.com> (@lukasz-jarocki-sonarsource),
\tMatteo Mara <matteo.mara@sonarsource.com> (@matteo-mara-sonarsource)
GitRepo: https://github.com/SonarSource/docker-sonarqube.git
Architectures: amd64, arm64v8
Builder: buildkit

Tags: 2026.1.0-developer, 2026.1-developer, developer, 2026-lta-developer
Directory: commercial-editions/developer
GitCommit: 3536fb9581da63de5294fa8b249ec9a74c5cd0b0
GitFetch: refs/heads/release/2026.1
",
        read: Ok("first=amd64,arm64v8 2026-lta-developer=amd64,arm64v8 2026.1-developer=amd64,arm64v8 \
            2026.1.0-developer=amd64,arm64v8 developer=amd64,arm64v8"),
    },
    Case {
        what: "continuation lines of spaces",
        origin: "fc449511296e4e1e762f13cc5610fbebc7981272 library/amazonlinux",
        text: "\
Maintainers: Amazon Linux Team <amazon-linux-ami@amazon.com> (@aws),
             Ian Weller (@ianweller),
             Praveen K Paladugu (@praveen-pk)
GitRepo: https://github.com/aws/amazon-linux-docker-images.git

Tags: 2016.09.0.20161028, 2016.09, latest
GitFetch: refs/heads/2016.09
GitCommit: 6f395b3e97b9adfb1f1a304f09be26fa77d79858

Tags: 2016.09.0.20161028-with-sources, 2016.09-with-sources, with-sources
GitFetch: refs/heads/2016.09-with-sources
GitCommit: d2b4eaf7fd80f410f65ad8bd5c3392196ba330db
",
        read: Ok("first=amd64 2016.09=amd64 2016.09-with-sources=amd64 2016.09.0.20161028=amd64 \
            2016.09.0.20161028-with-sources=amd64 latest=amd64 with-sources=amd64"),
    },
    Case {
        what: "comments inside paragraphs",
        origin: "f5d5d3e76413e92daaa02c4de5a462bc7ed6b717 library/hylang",
        text: "\
Maintainers: Paul Tagliamonte <paultag@hylang.org> (@paultag)

# https://github.com/hylang/hy/tree/0.13.0
Tags: 0.13.0, 0.13, 0, latest
# arches scraped from \"python:3\"
Architectures: amd64, arm32v5, arm32v7, arm64v8, i386, ppc64le, s390x
GitRepo: https://github.com/hylang/hy.git
GitFetch: refs/tags/0.13.0
GitCommit: 807b0b6d248fd341cbf87bf8bfa55caf5b83d655
",
        read: Ok("first=amd64,arm32v5,arm32v7,arm64v8,i386,ppc64le,s390x \
            0=amd64,arm32v5,arm32v7,arm64v8,i386,ppc64le,s390x \
            0.13=amd64,arm32v5,arm32v7,arm64v8,i386,ppc64le,s390x \
            0.13.0=amd64,arm32v5,arm32v7,arm64v8,i386,ppc64le,s390x \
            latest=amd64,arm32v5,arm32v7,arm64v8,i386,ppc64le,s390x"),
    },
    Case {
        what: "a first line of a space and no `#`, which is passed over",
        origin: "f88811a4842af7286d251ee97f08d69d98c97845 library/rust, shortened",
        text: " this file is generated via https://github.com/rust-lang-nursery/docker-rust/blob/d237d8c30f57d55f70bbc019da2f24d371050947/x.py

Maintainers: Steven Fackler <sfackler@gmail.com> (@sfackler)
GitRepo: https://github.com/rust-lang-nursery/docker-rust.git

Tags: 1-stretch, 1.45-stretch, 1.45.2-stretch, stretch
Architectures: amd64, arm32v7, arm64v8, i386
GitCommit: d237d8c30f57d55f70bbc019da2f24d371050947
Directory: 1.45.2/stretch
",
        read: Ok("first=amd64,arm32v7,arm64v8,i386 1-stretch=amd64,arm32v7,arm64v8,i386 \
            1.45-stretch=amd64,arm32v7,arm64v8,i386 1.45.2-stretch=amd64,arm32v7,arm64v8,i386 \
            stretch=amd64,arm32v7,arm64v8,i386"),
    },
    Case {
        what: "a comma at the end of Tags",
        origin: "f51db12c9a787ae18fd3861fcae79264ee11ef83 library/adoptopenjdk, shortened",
        text: "\
# AdoptOpenJDK official images for OpenJDK with HotSpot and OpenJDK with Eclipse OpenJ9.

Maintainers: Dinakar Guniguntala <dinakar.g@in.ibm.com> (@dinogun)
GitRepo: https://github.com/AdoptOpenJDK/openjdk-docker.git

Tags: 8u212-b04-jre-hotspot-windowsservercore-ltsc2016, 8-jre-hotspot-windowsservercore-ltsc2016
SharedTags: 8u212-b04-jre-hotspot-windowsservercore, 8-jre-hotspot-windowsservercore, 8u212-b04-jre-hotspot, 8-jre-hotspot,
Architectures: windows-amd64
GitCommit: 866330c40bed76d7ec72d47a2b6c01f198d9fe02
Directory: 8/jre/windows/windowsservercore-ltsc2016
File: Dockerfile.hotspot.releases.full
Constraints: windowsservercore-ltsc2016
",
        read: Err("line 6: \"\" is no tag, which has up to 128 letters, digits, '_', '.' and '-', not \
            the last two at first"),
    },
    Case {
        what: "a field of another name is passed over: `Architecture`",
        origin: "7ec8186b979e4b7ad55893bbc13ee25fde9da703 library/eggdrop",
        text: "\
Maintainers: Geo Van O <geo@eggheads.org> (@vanosg)
GitRepo: https://github.com/eggheads/eggdrop-docker.git

Tags: develop
Architecture: arm32v6, amd64
GitCommit: 05ac213088419a5cea5e0d8d6824c811688e813e
Directory: develop

Tags: 1.8, 1.8.3, stable, latest
Architecture: arm32v6, amd64
GitCommit: 68e421d4e8f87301d921c84548407ec340f0b8ed
Directory: 1.8
",
        read: Ok("first=amd64 1.8=amd64 1.8.3=amd64 develop=amd64 latest=amd64 stable=amd64"),
    },
    Case {
        what: "a field given twice",
        origin: "f7c474794ecce5ef5c9746e9bef05d857b61b689 library/fedora, shortened",
        text: "\
Maintainers: Clement Verna <cverna@fedoraproject.org> (@cverna)
GitRepo: https://github.com/fedora-cloud/docker-brew-fedora.git
Constraints: !aufs

Tags: 26
Architectures: amd64, arm32v7, arm64v8, ppc64le
GitFetch: refs/heads/26
GitCommit: 035aa2a3970e4e10a9a6ae0b79322b882bfe50d3
amd64-Directory: x86_64/
arm32v7-Directory: armhfp/
arm64v8-Directory: aarch64/
ppc64le-Directory: ppc64le/

Tags: rawhide, 32
Architectures: amd64, arm64v8, ppc64le, s390x
GitFetch: refs/heads/32
GitCommit: 3a161a82281e0f0598551e571ad2f843bb7af639
amd64-Directory: x86_64/
arm64v8-Directory: aarch64/
ppc64le-Directory: ppc64le/
s390x-Directory: s390x/
ppc64le-Directory: ppc64le/
",
        read: Ok("first=amd64,arm32v7,arm64v8,ppc64le 26=amd64,arm32v7,arm64v8,ppc64le \
            32=amd64,arm64v8,ppc64le,s390x rawhide=amd64,arm64v8,ppc64le,s390x"),
    },
    Case {
        what: "a line of white space alone goes on with the field",
        origin: "265cba3bd7febb0b7e9793829dd12ce5d665e9f2 library/traefik, shortened",
        text: "\
Maintainers: Emile Vauge <emile@vauge.com> (@emilevauge),
             Vincent Demeester <vincent@sbr.pm> (@vdemeester),
             Ludovic Fernandez <ludovic@containo.us> (@ldez)
             
GitRepo: https://github.com/containous/traefik-library-image.git

Tags: v1.3.0-rc3, 1.3.0-rc3, v1.3, 1.3, raclette
GitCommit: 30ac6799a25b679aae46e7f0b54deec7b15ece9d

Tags: v1.2.3, 1.2.3, v1.2, 1.2, morbier, latest
GitCommit: 50d631ddf197da6228172cb86ab6098d875a6ea0
",
        read: Ok("first=amd64 1.2=amd64 1.2.3=amd64 1.3=amd64 1.3.0-rc3=amd64 latest=amd64 morbier=amd64 \
            raclette=amd64 v1.2=amd64 v1.2.3=amd64 v1.3=amd64 v1.3.0-rc3=amd64"),
    },
    Case {
        what: "no end of the last line",
        origin: "be144e0d6eedd99385040cdc4184ead18c7bfb86 library/consul",
        text: "\
Maintainers: Consul Team <consul@hashicorp.com> (@hashicorp/consul)

Tags: 1.4.4, 1.4, latest
Architectures: amd64, arm32v6, arm64v8, i386
GitRepo: https://github.com/hashicorp/docker-consul.git
GitCommit: c5cfe2b2554acdbd06add9e71373b65d167b1ade
Directory: 0.X",
        read: Ok("first=amd64,arm32v6,arm64v8,i386 1.4=amd64,arm32v6,arm64v8,i386 \
            1.4.4=amd64,arm32v6,arm64v8,i386 latest=amd64,arm32v6,arm64v8,i386"),
    },
    Case {
        what: "names beyond ASCII",
        origin: "2d061147386bb84f955546702c3e589038321bba library/crate",
        text: "\
# maintainer: Bernd Dorn <bernddorn@gmail.com> (@dobe)
# maintainer: Mathias Fußenegger <mathias@crate.io> (@mfussenegger)

# see also https://crate.io

latest: git://github.com/crate/docker-crate@0.47.7
0.46: git://github.com/crate/docker-crate@0.46.5
0.46.5: git://github.com/crate/docker-crate@0.46.5
0.47: git://github.com/crate/docker-crate@0.47.7
0.47.7: git://github.com/crate/docker-crate@0.47.7
",
        read: Ok("first=amd64 0.46=amd64 0.46.5=amd64 0.47=amd64 0.47.7=amd64 latest=amd64"),
    },
    Case {
        what: "no entries",
        origin: "3f95256acd765ae869fed37be8f7e011f2261a0b library/sentry",
        text: "\
Maintainers: Sentry Open Source <oss@sentry.io> (@getsentry)
GitRepo: https://github.com/getsentry/docker-sentry.git
",
        read: Ok("first=-"),
    },
    Case {
        what: "`latest` is made of two entries",
        origin: "b12b4042f163bf1c07d935a43ceba35f65a64d0a library/nats-streaming",
        text: "\
Maintainers: Ivan Kozlovic <ivan@synadia.com> (@kozlovic)
GitRepo: https://github.com/nats-io/nats-streaming-docker.git
GitCommit: ddeb1e1c9f5b248089ed69b7315bfe1a16ce5d15

Tags: 0.7.2-linux, linux
SharedTags: 0.7.2, latest
Architectures: amd64, arm32v7, arm64v8
amd64-GitCommit: ddeb1e1c9f5b248089ed69b7315bfe1a16ce5d15
amd64-Directory: amd64
arm32v7-GitCommit: ddeb1e1c9f5b248089ed69b7315bfe1a16ce5d15
arm32v7-Directory: arm32v7
arm64v8-GitCommit: ddeb1e1c9f5b248089ed69b7315bfe1a16ce5d15
arm64v8-Directory: arm64v8

Tags: 0.7.2-nanoserver, nanoserver
SharedTags: 0.7.2, latest
Architectures: windows-amd64
windows-amd64-GitCommit: ddeb1e1c9f5b248089ed69b7315bfe1a16ce5d15
windows-amd64-Directory: windows/nanoserver
Constraints: nanoserver

Tags: 0.7.2-windowsservercore, windowsservercore
Architectures: windows-amd64
windows-amd64-GitCommit: ddeb1e1c9f5b248089ed69b7315bfe1a16ce5d15
windows-amd64-Directory: windows/windowsservercore
Constraints: windowsservercore
",
        read: Ok("first=amd64,arm32v7,arm64v8 0.7.2=amd64,arm32v7,arm64v8,windows-amd64 \
            0.7.2-linux=amd64,arm32v7,arm64v8 0.7.2-nanoserver=windows-amd64 \
            0.7.2-windowsservercore=windows-amd64 latest=amd64,arm32v7,arm64v8,windows-amd64 \
            linux=amd64,arm32v7,arm64v8 nanoserver=windows-amd64 windowsservercore=windows-amd64"),
    },
    Case {
        what: "no `latest`, and a commit for all",
        origin: "be33764132ffffc0c4a7c43ea84e0768102818e1 library/notary",
        text: "\
Maintainers: Justin Cormack (@justincormack)
GitRepo: https://github.com/docker/notary-official-images.git
GitCommit: 6db20782a52c71a48e33a9f075ba632054c0112d
Architectures: amd64, arm32v6, arm64v8, i386, ppc64le, s390x

Tags: server-0.6.1, server
Directory: notary-server

Tags: signer-0.6.1, signer
Directory: notary-signer
",
        read: Ok("first=amd64,arm32v6,arm64v8,i386,ppc64le,s390x server=amd64,arm32v6,arm64v8,i386,ppc64le,s390x \
            server-0.6.1=amd64,arm32v6,arm64v8,i386,ppc64le,s390x \
            signer=amd64,arm32v6,arm64v8,i386,ppc64le,s390x \
            signer-0.6.1=amd64,arm32v6,arm64v8,i386,ppc64le,s390x"),
    },
];
